/** Bundles of a running gateway: what publishes them, the keys that sign, and what is asked over the control socket. */
import { randomBytes } from "node:crypto"
import { setTimeout } from "node:timers/promises"
import { readKeys, writeKeys } from "../../adapters/gateway-keys/file.ts"
import { signingKey } from "../../adapters/sealing/sign.ts"
import { DIGESTS } from "../../adapters/system/digests.ts"
import { directoryTarget } from "../../adapters/targets/directory.ts"
import { putTarget } from "../../adapters/targets/put.ts"
import { rememberIn } from "../../adapters/targets/remembered.ts"
import { runTarget } from "../../adapters/targets/run.ts"
import type { AuditFact } from "../../core/audit/entry.ts"
import type { Bundles, PublishTarget } from "../../core/config/config.ts"
import type { Answer, Publication } from "../../core/control/answer.ts"
import { refuse } from "../../core/control/message.ts"
import { formatBundle } from "../../core/one-time/bundle.ts"
import type { Desk } from "../../core/one-time/desk.ts"
import { firstKeys, type GatewayKeys, rotateKeys } from "../../core/one-time/gateway-keys.ts"
import { fileNameOf, formatPlace, placeOf } from "../../core/one-time/place.ts"
import { bundleOf, kindsOf, wholeSeconds } from "../../core/one-time/publication.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Commands } from "../../ports/commands.ts"
import type { Target } from "../../ports/target.ts"
import type { Log } from "../log.ts"
import { base64 } from "./press.ts"
import type { ThreadPress } from "./press-thread.ts"
import { type PublicationStanding, Publisher } from "./publisher.ts"
import { Spool } from "./spool.ts"

/** What it runs with. */
export type PublishingKeeping = {
    readonly desk: Desk
    /** Of the configuration in force. */
    readonly bundles: () => Bundles | null
    /** The state directory, which is there and ours. */
    readonly state: string
    readonly press: ThreadPress
    /** For targets that are programs. */
    readonly commands: Commands
    /** Milliseconds since 1970. */
    readonly wall: () => number
    readonly log: Log
    readonly note: (fact: AuditFact) => void
}

/** Ours: who asks for a publication hears of it after so long (ms), even if a target is not done. */
const ANSWER_MS = 8000

/** See the head of the file. */
export class Publishing {
    readonly #keeping: PublishingKeeping
    readonly #publisher: Publisher
    readonly #spool: Spool
    #keys: GatewayKeys | null = null
    /** One change of the keys after the other. */
    #turn: Promise<unknown> = Promise.resolve()

    constructor(keeping: PublishingKeeping) {
        this.#keeping = keeping
        const { desk, bundles, state, press, wall, log } = keeping
        this.#spool = new Spool(state)
        this.#publisher = new Publisher({
            desk,
            bundles,
            keys: () => this.keys(),
            press: press.press,
            spool: this.#spool,
            target: (target) => this.#targetOf(target),
            wall,
            log,
        })
        this.#publisher.changed()
    }

    /** How publication stands. */
    standing(): PublicationStanding {
        return this.#publisher.standing()
    }

    /** Which of these knockers have a file in the last publication since the start. */
    inLast(names: Iterable<string>): ReadonlySet<string> {
        return this.#publisher.inLast(names)
    }

    /** The configuration is another one: targets and lifetimes may be. */
    changed(): void {
        this.#publisher.changed()
    }

    /** Ends what runs. */
    async stop(): Promise<void> {
        await Promise.all([this.#publisher.stop(), this.#keeping.press.stop(), this.#keeping.commands.stop()])
    }

    /** The gateway's keys, made if there were none yet; or, as a sentence, why there are none. */
    keys(): Promise<GatewayKeys | string> {
        return this.#inTurn(async () => {
            if (this.#keys !== null) return this.#keys
            const { state, wall, log } = this.#keeping
            const found = readKeys(state)
            if (found.ok) this.#keys = found.keys
            else if (found.why === "unusable") return found.detail
            else {
                const made = firstKeys(randomBytes(32), randomBytes(32), wall())
                await writeKeys(state, made)
                const anew = this.#spool.last() !== null
                if (anew)
                    log(
                        "warning",
                        `publish: ${found.detail}: new keys were made, and every knocker must be enrolled again`,
                    )
                else log("notice", `publish: the gateway's keys were made: keep a copy of ${state}/gateway.keys`)
                this.#keys = made
            }
            return this.#keys
        })
    }

    /** What is published for a knocker, and where; `secret`: the text as well. It is written down who asked for which. */
    async show(knocker: string, secret: boolean, uid: number): Promise<Answer> {
        const { desk, bundles: inForce, note, log, wall } = this.#keeping
        const bundles = inForce()
        if (bundles === null) return refuse("bundles")
        const keys = await this.keys()
        if (typeof keys === "string") return refuse("bundles", keys)
        const person = desk.knockers().find(({ name }) => name === knocker)
        const place = placeOf(DIGESTS, keys.place, knocker)
        const upcoming = person === undefined ? [] : desk.upcoming(knocker)
        const left = new Map(upcoming.map(({ name, sequences }) => [name, sequences.length]))
        const { key } = signingKey(keys.signing[0]!.seed)
        const publication = this.told()
        const now = wall()
        const edition = {
            gateway: bundles.gateway,
            serial: publication.last?.serial ?? 0,
            made: wholeSeconds(now),
            lifetime: bundles.lifetime,
            keys: [base64(key)],
        }
        if (secret && person !== undefined) {
            note({ what: "disclosed", knocker, uid })
            log("notice", `publish: user ${uid} has read the upcoming sequences of ${knocker}`)
        } else note({ what: "located", knocker, uid })
        return {
            ok: true,
            answer: "bundle",
            knocker,
            known: person !== undefined,
            gateway: bundles.gateway,
            url: bundles.url,
            key: base64(key),
            place: formatPlace(place),
            files: kindsOf(person?.recipients ?? []).map((kind) => ({ kind, name: fileNameOf(DIGESTS, place, kind) })),
            doors:
                person === undefined
                    ? []
                    : desk
                          .standing(knocker)
                          .map(({ door, next, used }) => ({ door, next, used, left: left.get(door) ?? 0 })),
            publication,
            text: secret && person !== undefined ? formatBundle(bundleOf(edition, knocker, upcoming)) : null,
        }
    }

    /** Publishes now, and says how it went. */
    async publish(): Promise<Answer> {
        if (this.#keeping.bundles() === null) return refuse("bundles")
        // A target may take long, or hang: then that is the answer.
        const waited = new AbortController()
        const late = setTimeout(ANSWER_MS, undefined, { signal: waited.signal }).catch(() => {})
        await Promise.race([this.#publisher.publishNow(), late])
        waited.abort()
        return { ok: true, answer: "publish", publication: this.told() }
    }

    /** Another key signs from now on; that of now goes on beside it for `grace` (ms). */
    async rotate(grace: number, uid: number): Promise<Answer> {
        const { bundles, state, wall, note, log } = this.#keeping
        if (bundles() === null) return refuse("bundles")
        const keys = await this.keys()
        if (typeof keys === "string") return refuse("bundles", keys)
        const now = wall()
        const seed = randomBytes(32)
        try {
            await this.#inTurn(async () => {
                const next = rotateKeys(this.#keys ?? keys, seed, now, grace)
                // On the disk before anything is signed with it.
                await writeKeys(state, next)
                this.#keys = next
            })
        } catch (error) {
            return refuse("failed", messageOf(error))
        }
        note({ what: "rekeyed", uid })
        log("notice", `publish: user ${uid} had another key sign bundles`)
        this.#publisher.changed()
        return { ok: true, answer: "rotate", key: base64(signingKey(seed).key), until: wholeSeconds(now + grace) }
    }

    /** The same for the control socket. */
    told(): Publication {
        const { trouble, last, targets } = this.standing()
        return {
            trouble,
            last: last && { ...last, took: Math.round(last.took) },
            targets: targets.map((target) => ({ ...target })),
        }
    }

    #targetOf(target: PublishTarget): Target {
        const { commands, state } = this.#keeping
        switch (target.kind) {
            case "directory":
                return directoryTarget(target.directory)
            case "put": {
                const { url, headers, timeout } = target
                return putTarget({ url, headers, timeout, remembered: rememberIn(state, url) })
            }
            case "run":
                return runTarget({ run: target.run, timeout: target.timeout, commands })
        }
    }

    #inTurn<T>(act: () => Promise<T>): Promise<T> {
        const mine = this.#turn.then(act)
        this.#turn = mine.catch(() => {})
        return mine
    }
}
