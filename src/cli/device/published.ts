/** What `postern knock` knocks at a door whose sequences come from a bundle. */
import type { Service } from "../../core/knock/hit.ts"
import type { ProfileBundle } from "../../core/knock/profile-bundle.ts"
import type { Bundle, BundleDoor } from "../../core/one-time/bundle.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { Supply } from "../knock/flow.ts"
import type { ProgressLine } from "../knock/progress.ts"
import { noticeText, type Told, troubleText } from "../texts/device.ts"
import { noDoorText } from "../texts/knock.ts"
import { enrolmentOf } from "./enrolment.ts"
import { knocksAt } from "./supply.ts"
import { tell } from "./tell.ts"

/** What is asked for. `name`: of the profile. */
export type Asked = {
    readonly bundle: ProfileBundle
    readonly name: string
    /** Null: the only one. */
    readonly door: string | null
    /** What answers when it is open. Undefined: what the bundle says; null: nothing is waited for. */
    readonly wait: Service | null | undefined
}

/** What the knock needs of it while it runs and afterwards. */
export type Published = {
    /** What was sent last has opened the door. */
    readonly opened: () => void
    /** Why there was nothing to send, and how the command ends; null: for want of sequences. */
    readonly whyNone: () => Told | null
}

type Found = {
    readonly door: string | null
    readonly supply: Supply
    readonly wait: Service | null
    readonly published: Published
}

/**
 * Finds the door. The bundle is fetched now only if it has to say something before the knock: a profile that says what the
 * door opens spares that, and the passphrase, where it is open already.
 */
export async function publishedDoor(
    { bundle, name, door: wanted, wait }: Asked,
    options: { readonly offline?: true; readonly ignoreClock?: true },
    terminal: Terminal,
    line: ProgressLine,
    interrupted: AbortSignal,
): Promise<Found | { readonly stop: ExitCode }> {
    const enrolment = enrolmentOf(bundle, terminal.env, options.ignoreClock === true, interrupted)
    let missing: readonly string[] | null = null
    const pick = (from: Bundle): BundleDoor | null => {
        const found = wanted === null && from.doors.length === 1 ? from.doors[0] : doorOf(from, wanted)
        if (found === undefined) missing = from.doors.map((door) => door.name)
        return found ?? null
    }
    const knocks = knocksAt(enrolment, pick, options.offline === true, interrupted, (notice) => {
        if (notice.code === "fetching") return line.show(`${name}: fetching the bundle`)
        line.clear()
        terminal.warn(...noticeText(notice, name))
    })
    const whyNone = (): Told | null => {
        const trouble = knocks.trouble()
        if (trouble !== null) return troubleText(trouble, name)
        return missing === null ? null : { said: noDoorText(name, wanted, missing), code: EXIT.usage }
    }
    const found = { supply: knocks, published: { opened: knocks.opened, whyNone } }
    if (wanted !== null && wait !== undefined) return { ...found, door: wanted, wait }

    const obtained = await knocks.bundle()
    line.clear()
    const picked = obtained.ok ? pick(obtained.bundle) : null
    if (picked !== null) return { ...found, door: picked.name, wait: wait === undefined ? serviceOf(picked) : wait }
    return { stop: tell(obtained.ok ? whyNone()! : troubleText(obtained.trouble, name), terminal) }
}

function doorOf({ doors }: Bundle, name: string | null): BundleDoor | undefined {
    return doors.find((door) => door.name === name)
}

/** What can be waited for of what a door opens. */
function serviceOf({ opens }: BundleDoor): Service | null {
    return opens.find(({ protocol }) => protocol === "tcp") ?? null
}
