/** All bytes that a request gets at a port, until its connection is closed. */
import { connect } from "node:net"

export const rawOf = (port: number) => (text: string): Promise<string> =>
  new Promise((resolve) => {
    let received = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.from(text, "latin1")))
    socket.on("data", (chunk) => received += chunk.toString("latin1")).on("error", () => undefined)
    socket.on("close", () => resolve(received))
  })
