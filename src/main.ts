/** The program: joins the two shells, daemon and command line, which do not know each other. */
import { main } from "./cli/main.ts"
import { run } from "./daemon/command.ts"

process.exitCode = await main(process.argv.slice(2), [run])
