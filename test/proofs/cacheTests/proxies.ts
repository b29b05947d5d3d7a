/** Varnish and nginx in front of an origin, as the package manager installs them, and as the suite runs them. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Proxy {
  readonly port: number
  readonly pid: number
  readonly stop: () => Promise<void>
}

/** The configuration of nginx in the suite, with all its files in a folder. */
const nginx = (folder: string, port: number, origin: number): string => `
daemon off;
user root;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 8192; }
http {
  access_log off;
  ${["client_body", "fastcgi", "scgi", "uwsgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ")}
  keepalive_requests 1000000;
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=cache:8m max_size=1000m inactive=600m;
  proxy_temp_path ${folder}/temp;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${origin};
      proxy_cache cache;
      proxy_cache_revalidate on;
      proxy_http_version 1.1;
    }
  }
}
`

const programs = {
  nginx: (folder: string, port: number, origin: number) => {
    writeFileSync(join(folder, "nginx.conf"), nginx(folder, port, origin))
    return spawn("nginx", ["-p", folder, "-e", join(folder, "error.log"), "-c", join(folder, "nginx.conf")])
  },
  varnish: (folder: string, port: number, origin: number) => {
    const to = ["-n", join(folder, "varnish"), "-a", `127.0.0.1:${port}`, "-b", `127.0.0.1:${origin}`]
    mkdirSync(join(folder, "varnish"))
    const of = ["default_ttl=0", "default_grace=0", "default_keep=3600"].flatMap((parameter) => ["-p", parameter])
    return spawn("varnishd", ["-F", "-j", "none", "-s", "malloc,200m", ...of, ...to])
  }
}

export type Program = keyof typeof programs

export const commandOf: { readonly [name in Program]: string } = { nginx: "nginx", varnish: "varnishd" }

export const startProxy = async (program: Program, origin: number): Promise<Proxy> => {
  const folder = mkdtempSync(join(tmpdir(), `${program}-`))
  const port = await freePort()
  const child = programs[program](folder, port, origin)
  await listening(port, child)
  return {
    port,
    pid: child.pid!,
    stop: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve))
      child.kill("SIGTERM")
      await ended
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number }
      server.close(() => resolve(port))
    })
  })

const listening = (port: number, child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let said = ""
    child.stderr?.on("data", (text) => said += text)
    child.once("exit", () => reject(new Error(said)))
    child.once("error", reject)
    const attempt = () => {
      const socket = connect(port, "127.0.0.1")
      socket.once("connect", () => {
        socket.destroy()
        resolve()
      }).once("error", () => setTimeout(attempt, 50))
    }
    attempt()
  })
