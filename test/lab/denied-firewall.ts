/** What each call of the nft firewall answers in a process without CAP_NET_ADMIN, as JSON. Run by a contract test. */
import { nftFirewall } from "../../src/adapters/firewall/nft.ts"
import type { FirewallResult } from "../../src/ports/firewall.ts"
import { element, ruleset } from "./rulesets.ts"

const firewall = nftFirewall()
const one = [element("192.0.2.7", "tcp/22")]
const answers = {
    apply: short(() => firewall.apply(ruleset())),
    grant: short(() => firewall.grant(one, 1000)),
    revoke: short(() => firewall.revoke(one)),
    clear: short(() => firewall.clear()),
    list: short(() => {
        firewall.list()
        return { ok: true }
    }),
}
process.stdout.write(JSON.stringify(answers))

function short(call: () => FirewallResult): string {
    try {
        const result = call()
        return result.ok ? "ok" : result.code
    } catch (error) {
        return error instanceof Error ? error.message : String(error)
    }
}
