/** Echo requests by the installed ping, which may do what we may not. The last of the ways there are. */
import { spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import type { Target } from "../../core/knock/plan.ts"
import type { SendResult } from "../../ports/knocker.ts"
import { type KnockerOptions, refusal } from "./options.ts"

/** No way was open. */
export const denied = (detail: string): SendResult => ({ ok: false, code: "echo-denied", detail })

/** Is there a ping to run? Whether it is allowed to do its work, only running it tells. */
export function hasPing(path: string): boolean {
    return path.split(delimiter).some((folder) => {
        try {
            accessSync(join(folder, "ping"), constants.X_OK)
            return folder !== ""
        } catch {
            return false
        }
    })
}

/**
 * Sends one echo request. ping says when it has an answer, not when it has sent; so without an answer this takes the
 * second that ping waits.
 */
export function pingProgram(size: number, target: Target, options: KnockerOptions): Promise<SendResult> {
    // -I is an interface or an address; where both are asked for, the interface decides which addresses there are.
    const from = options.interface ?? options.source
    const argv = [`-${target.family}`, "-n", "-q", "-c", "1", "-W", "1", "-s", String(size)]
    if (from !== null) argv.push("-I", from)
    return new Promise((resolve) => {
        const child = spawn("ping", [...argv, target.address], { stdio: ["ignore", "ignore", "pipe"] })
        let said = ""
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
            said = (said + text).slice(0, 400)
        })
        child.once("error", () => resolve(denied("no ping is installed")))
        child.once("close", (status) => {
            // ping(8): 0 an answer, 1 none, 2 any other trouble.
            if (status === 0 || status === 1) resolve({ ok: true })
            else if (/unreachable/i.test(said)) resolve(refusal("ENETUNREACH"))
            else resolve(denied(said.trim()))
        })
    })
}
