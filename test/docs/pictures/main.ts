/**
 * Draws the panels of docs/observability.md, and with the name of a folder a screenshot of all panels (see
 * dashboard.ts). `npm run generate` draws all other pictures.
 */
import { drawDashboard } from "./dashboard.ts"

await drawDashboard(process.argv[2])
