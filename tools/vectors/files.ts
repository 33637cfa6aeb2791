/**
 * All vectors that are generated, as files. `vectors/nat` and `vectors/sealed` are not among them:
 * other programs made them.
 */
import { bundleVectors } from "./bundle.ts"
import { configVectors } from "./config.ts"
import { enrolmentVectors } from "./enrolment.ts"
import { importVectors } from "./import.ts"
import { knockVectors } from "./knock.ts"
import { clientVectors } from "./knock-client.ts"
import { oneTimeVectors } from "./one-time.ts"
import { packetVectors } from "./packet.ts"
import { placeVectors } from "./places.ts"
import { recipientVectors } from "./recipients.ts"
import { rulesetVectors } from "./ruleset.ts"

const CONTENTS: Readonly<Record<string, unknown>> = {
    ...bundleVectors,
    ...clientVectors,
    ...configVectors,
    ...enrolmentVectors,
    ...importVectors,
    ...knockVectors,
    ...oneTimeVectors,
    ...packetVectors,
    ...placeVectors,
    ...recipientVectors,
    ...rulesetVectors,
}

/** Path below `vectors/` to text: a text as it is, anything else as JSON. */
export const vectorFiles: ReadonlyMap<string, string> = new Map(
    Object.entries(CONTENTS).map(([path, content]) => [
        path,
        typeof content === "string" ? content : `${JSON.stringify(content, null, 4)}\n`,
    ]),
)

/** The folders below `vectors/` that hold nothing else. */
export const vectorFolders: readonly string[] = [
    ...new Set([...vectorFiles.keys()].map((path) => path.slice(0, path.indexOf("/")))),
]
