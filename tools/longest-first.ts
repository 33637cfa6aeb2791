/**
 * The order in which the files of a tier are run: those that take longest begin first, so that none of them is left to
 * run alone at the end. The machine that runs them for the first time knows nothing of them but their size: so those
 * that take much longer than they look are named here, in their order.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node"

const LONG = [
    "kills",
    "scans",
    "knockers",
    "service",
    "page",
    "one-time",
    "knockd-traces",
    "import",
    "knockd",
    "journal-kills",
]

/** For `sequence.sequencer` of vitest. */
export class LongestFirst extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
        return (await super.sort(files)).toSorted((a, b) => tier(a) - tier(b) || rank(a) - rank(b))
    }
}

function tier({ project }: TestSpecification): number {
    return project.config.sequence.groupOrder
}

function rank({ moduleId }: TestSpecification): number {
    const found = LONG.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
    return found < 0 ? LONG.length : found
}
