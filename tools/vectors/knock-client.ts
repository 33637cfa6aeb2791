/**
 * Scenarios for the client: profiles with what they say or all their issues (`path code`), and plans with every packet
 * to send.
 */

/** A profile's text, and what becomes of it. */
export type ProfileScenario = {
    readonly name: string
    readonly profile: string
    readonly expect:
        | { readonly issues: readonly string[] }
        | {
              readonly host: string
              readonly delay: number | null
              readonly timeout: number | null
              readonly retries: number | null
              readonly bundle: ProfileScenarioBundle | null
              readonly doors: readonly {
                  readonly name: string
                  readonly hits: readonly string[]
                  readonly wait: string | null
                  readonly flags: string | null
              }[]
          }
}

/** What the table `[bundle]` says. */
type ProfileScenarioBundle = {
    readonly link: Readonly<Record<"url" | "gateway" | "knocker" | "key" | "place", string>>
    readonly identities: readonly string[]
    readonly decryptWith: string
}

/** Addresses as the name service gave them, hits and delay, and the sends: `TIME HIT ADDRESS`. */
export type PlanScenario = {
    readonly name: string
    readonly addresses: readonly string[]
    readonly families: readonly (4 | 6)[]
    readonly hits: readonly string[]
    readonly delay: number
    readonly sends: readonly string[]
}

const DOOR = `[[door]]
name = "ssh"
hits = ["32144", "21312:udp", "icmp:321"]
`
const plain = (text: string) => `host = "gate.example.org"\n${text}`
const bad = (name: string, profile: string, ...issues: readonly string[]): ProfileScenario => ({
    name: `profile-${name}`,
    profile,
    expect: { issues },
})
const ssh = { name: "ssh", hits: ["32144", "21312:udp", "icmp:321"], wait: null, flags: null }
const base = { host: "gate.example.org", delay: null, timeout: null, retries: null, bundle: null }
const LINK = {
    url: "https://example.org/knock/",
    gateway: "gw.example.org",
    knocker: "anna",
    key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    place: "5yqx2mvk6n3bq4ohx7dbbdzcbkgxgs7e",
}
const TABLE = `[bundle]
url = "https://example.org/knock/"
gateway = "gw.example.org"
knocker = "anna"
key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
place = "5yqx2mvk6n3bq4ohx7dbbdzcbkgxgs7e"
identity = "~/.ssh/id_ed25519"
`
const bundled = { ...base, host: "gw.example.org", doors: [] }
const anna = { link: LINK, identities: ["~/.ssh/id_ed25519"], decryptWith: "postern" }

const PROFILES: readonly ProfileScenario[] = [
    { name: "profile-least", profile: plain(DOOR), expect: { ...base, doors: [ssh] } },
    {
        name: "profile-all",
        profile: `${plain('delay = "50ms"\ntimeout = "3s"\nretries = 0\n')}${DOOR}wait = "tcp/22"\n[[door]]
name = "7-of-nine"
hits = ["7000:TCP"]
flags = "fin,psh,!ack"
`,
        expect: {
            host: "gate.example.org",
            delay: 50,
            timeout: 3000,
            retries: 0,
            bundle: null,
            doors: [
                { ...ssh, wait: "tcp/22" },
                { name: "7-of-nine", hits: ["7000"], wait: null, flags: "fin,psh,!ack" },
            ],
        },
    },
    {
        name: "profile-address",
        profile: `host = "2001:db8::1"\n${DOOR}`,
        expect: { ...base, host: "2001:db8::1", doors: [ssh] },
    },
    { name: "profile-bundle", profile: TABLE, expect: { ...bundled, bundle: anna } },
    {
        name: "profile-bundle-and-doors",
        profile: `${plain('delay = "50ms"\n')}${DOOR}${TABLE.replace(/identity.*/, 'identity = ["a", "b"]')}`,
        expect: { ...base, delay: 50, doors: [ssh], bundle: { ...anna, identities: ["a", "b"] } },
    },
    {
        name: "profile-bundle-with-gpg",
        profile: TABLE.replace(/identity.*/, 'decrypt_with = "gpg"'),
        expect: { ...bundled, bundle: { ...anna, identities: [], decryptWith: "gpg" } },
    },
    {
        name: "profile-bundle-with-what-a-door-opens",
        profile: `${TABLE}[[door]]\nname = "ssh"\nwait = "tcp/2222"\n`,
        expect: { ...bundled, doors: [{ ...ssh, hits: [], wait: "tcp/2222" }], bundle: anna },
    },
    bad("bundle-and-empty-hits", `${TABLE}[[door]]\nname = "ssh"\nhits = []\n`, "door[0].hits type"),
    bad("bundle-no-identity", TABLE.replace(/identity.*/, ""), "bundle.identity missing"),
    bad("bundle-empty-identity", TABLE.replace(/identity.*/, 'identity = ""'), "bundle.identity bundle"),
    bad("bundle-age-without-identity", TABLE.replace(/identity.*/, 'decrypt_with = "age"'), "bundle.identity missing"),
    bad("bundle-other-program", `${TABLE}decrypt_with = "pgp"\n`, "bundle.decrypt_with type"),
    bad("bundle-unknown-key", `${TABLE}decrypt-with = "gpg"\n`, "bundle.decrypt-with unknown-key decrypt_with"),
    bad("bundle-no-table", 'bundle = "https://example.org/"\n', "bundle type"),
    bad(
        "bundle-bad-parts",
        TABLE.replace("knock/", "knock")
            .replace("gw.", "-gw.")
            .replace("anna", "an na")
            .replace("HURo=", "HURp=")
            .replace("5y", "5Y"),
        "bundle.url bundle",
        "bundle.gateway bundle",
        "bundle.knocker bundle",
        "bundle.key bundle",
        "bundle.place bundle",
    ),
    bad("bundle-bad-host", `host = "a b"\n${TABLE}`, "host host"),
    bad("empty", "", "host missing", "door missing"),
    bad("no-door", plain(""), "door missing"),
    bad("no-doors", plain("door = []\n"), "door type"),
    bad("door-is-no-list", plain('door = "ssh"\n'), "door type"),
    bad("one-bracket", plain(DOOR.replace("[[door]]", "[door]")), "door type"),
    bad("not-toml", plain("[[door]\n"), " syntax"),
    bad(
        "unknown-keys",
        plain(`dealy = "1s"\n${DOOR}wiat = "tcp/22"\n`),
        "door[0].wiat unknown-key wait",
        "dealy unknown-key delay",
    ),
    bad("far-key", plain(`colour = "red"\n${DOOR}`), "colour unknown-key"),
    bad("no-hits", plain('[[door]]\nname = "ssh"\n'), "door[0].hits missing"),
    bad("empty-hits", plain('[[door]]\nname = "ssh"\nhits = []\n'), "door[0].hits type"),
    bad(
        "bad-hits",
        plain('[[door]]\nname = "ssh"\nhits = ["ssh", "70000", "9000:sctp", "", "0", 7000]\n'),
        "door[0].hits[0] refused name",
        "door[0].hits[1] refused port",
        "door[0].hits[2] refused protocol",
        "door[0].hits[3] refused empty",
        "door[0].hits[4] refused port",
        "door[0].hits[5] type",
    ),
    bad(
        "too-many-hits",
        plain(`[[door]]\nname = "ssh"\nhits = [${Array.from({ length: 33 }, (_, i) => `"${7000 + i}"`).join(", ")}]\n`),
        "door[0].hits type",
    ),
    bad("udp-wait", plain(`${DOOR}wait = "udp/53"\n`), "door[0].wait udp-wait"),
    bad("bad-wait", plain(`${DOOR}wait = "22"\n`), "door[0].wait refused form"),
    bad("bad-flags", plain(`${DOOR}flags = "fin,fin"\n`), "door[0].flags refused flag-twice"),
    bad(
        "bad-times",
        plain(`delay = "100"\ntimeout = 5\nretries = 11\n${DOOR}`),
        "delay refused unit",
        "timeout type",
        "retries type",
    ),
    bad("option-as-host", `host = "-oProxyCommand=x"\n${DOOR}`, "host host"),
    bad("door-like-a-hit", plain('[[door]]\nname = "7000"\nhits = ["1"]\n'), "door[0].name name"),
    bad("door-like-a-port", plain('[[door]]\nname = "70000"\nhits = ["1"]\n'), "door[0].name name"),
    bad("door-with-blank", plain('[[door]]\nname = "a b"\nhits = ["1"]\n'), "door[0].name name"),
    bad("second-door", plain(DOOR + DOOR), "door[1].name second-door"),
]

const HITS = ["32144", "21312:udp", "icmp:321"]

const PLANS: readonly PlanScenario[] = [
    {
        name: "plan-both-families-side-by-side",
        addresses: ["192.0.2.1", "2001:db8::1"],
        families: [6, 4],
        hits: HITS,
        delay: 100,
        sends: [
            "0 32144 2001:db8::1",
            "0 32144 192.0.2.1",
            "100 21312:udp 2001:db8::1",
            "100 21312:udp 192.0.2.1",
            "200 icmp:321 2001:db8::1",
            "200 icmp:321 192.0.2.1",
        ],
    },
    {
        name: "plan-first-address-of-a-family",
        addresses: ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"],
        families: [4],
        hits: HITS.slice(0, 2),
        delay: 50,
        sends: ["0 32144 192.0.2.1", "50 21312:udp 192.0.2.1"],
    },
    {
        name: "plan-no-delay-keeps-the-order",
        addresses: ["fe80::1%eth0"],
        families: [6, 4],
        hits: HITS,
        delay: 0,
        sends: ["0 32144 fe80::1%eth0", "0 21312:udp fe80::1%eth0", "0 icmp:321 fe80::1%eth0"],
    },
    { name: "plan-no-such-family", addresses: ["192.0.2.1"], families: [6], hits: HITS, delay: 0, sends: [] },
]

/** One file for each scenario. */
export const clientVectors: Readonly<Record<string, ProfileScenario | PlanScenario>> = Object.fromEntries(
    [...PROFILES, ...PLANS].map((scenario) => [`knock-client/${scenario.name}.json`, scenario]),
)
