/**
 * Loaded into a daemon before it begins (`node --import`): each SIGUSR2 takes CAP_NET_ADMIN from its main thread, or
 * gives it back, and says so on standard error. What the kernel refuses meanwhile, it refuses by itself.
 */
import { writeSync } from "node:fs"
import { setEffective } from "./privilege.ts"

/** linux/capability.h. */
const CAP_NET_ADMIN = 12

let has = true

process.on("SIGUSR2", () => {
    has = !has
    setEffective(CAP_NET_ADMIN, has)
    writeSync(2, `lab: ${has ? "with" : "without"} CAP_NET_ADMIN\n`)
})
