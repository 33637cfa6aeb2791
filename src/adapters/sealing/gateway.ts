/** All that a gateway needs of sealing, as one file of the build: `late.ts` loads it. */
export { readKey } from "./read-key.ts"
export { sealer } from "./seal.ts"
