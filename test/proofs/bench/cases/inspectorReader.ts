/** Reads what an inspector answers, and discards it: `inspectorReader.ts <token> <port> <endpoint> <body>`. */
import { request } from "node:http"

const [token, port, endpoint, body] = process.argv.slice(2)

const headers = {
  origin: `http://localhost:${port}`,
  host: `localhost:${port}`,
  authorization: `Bearer ${token}`,
  "content-type": "application/json"
}
const options = { port, host: "127.0.0.1", path: `/cache/api/${endpoint}`, method: "POST", headers }
request(options, (response) => {
  if (response.statusCode !== 200) throw new Error(`${endpoint} answers with ${response.statusCode}`)
  response.once("data", () => process.stdout.write("ready")).on("data", () => {}).once("end", () => process.exit(0))
}).end(body)
