/** Enrolment links (spec/enrolment.md): each with what it says, or why it is refused. */

/** What one vector holds. */
export type EnrolmentVector = {
    readonly spec: string
    readonly text: string
    readonly expect:
        | {
              readonly link: {
                  readonly url: string
                  readonly gateway: string
                  readonly knocker: string
                  /** Base64, as in a bundle. */
                  readonly key: string
                  readonly place: string
              }
          }
        | { readonly refused: string }
}

const KEY = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
const PLACE = "5yqx2mvk6n3bq4ohx7dbbdzcbkgxgs7e"
const LINK = `https://example.org/knock/#postern=1&gateway=gw.example.org&knocker=anna&key=${KEY}&place=${PLACE}`
const SAID = {
    url: "https://example.org/knock/",
    gateway: "gw.example.org",
    knocker: "anna",
    key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    place: PLACE,
}

const good = (text: string, said: Partial<typeof SAID> = {}) => ({ text, expect: { link: { ...SAID, ...said } } })
const bad = (refused: string, from: string, to: string) => ({ text: LINK.replace(from, to), expect: { refused } })

const cases: Readonly<Record<string, Pick<EnrolmentVector, "text" | "expect">>> = {
    plain: good(LINK),
    "blanks-around": good(`\n  ${LINK}\t\n`),
    "address-and-port": good(
        LINK.replace("https://example.org/knock/", "http://[2001:db8::1]:8080/").replace(
            "gw.example.org",
            "2001:db8::1",
        ),
        { url: "http://[2001:db8::1]:8080/", gateway: "2001:db8::1" },
    ),
    "escaped-path": good(LINK.replace("/knock/", "/~op/a%20b/c;d=1/"), { url: "https://example.org/~op/a%20b/c;d=1/" }),
    empty: { text: "", expect: { refused: "not-a-link" } },
    "page-address": bad("not-a-link", LINK.slice(LINK.indexOf("#")), ""),
    "second-fragment": bad("not-a-link", "&place", "#&place"),
    "later-version": bad("version", "postern=1", "postern=2"),
    "no-version": bad("version", "postern=1", "postern"),
    "no-place": bad("shape", `&place=${PLACE}`, ""),
    "other-order": bad("shape", "gateway=gw.example.org&knocker=anna", "knocker=anna&gateway=gw.example.org"),
    "part-twice": bad("shape", "&knocker=anna", "&knocker=anna&knocker=bob"),
    "unknown-part": bad("shape", "&place", "&colour=red&place"),
    "url-with-user": bad("url", "example.org/knock", "anna:pass@example.org/knock"),
    "url-with-query": bad("url", "/knock/", "/knock/?a=/"),
    "url-without-slash": bad("url", "/knock/", "/knock"),
    "url-of-a-file": bad("url", "https://example.org", "file://"),
    "url-with-blank": bad("url", "/knock/", "/knock me/"),
    "url-relative": bad("url", "https://example.org", ""),
    "gateway-like-an-option": bad("gateway", "gw.example.org", "-oProxyCommand"),
    "gateway-with-port": bad("gateway", "gw.example.org", "gw.example.org/22"),
    "gateway-empty": bad("gateway", "gw.example.org", ""),
    "knocker-with-blank": bad("knocker", "anna", "anna%20b"),
    "key-short": bad("key", KEY, KEY.slice(1)),
    "key-with-padding": bad("shape", KEY, `${KEY}=`),
    "key-in-the-other-alphabet": bad("key", "_", "/"),
    "key-with-spare-bits": bad("key", `${KEY}&`, `${KEY.slice(0, -1)}p&`),
    "place-in-capitals": bad("place", PLACE, PLACE.toUpperCase()),
    "place-long": bad("place", PLACE, `${PLACE}a`),
}

/** Path below `vectors/` to contents. */
export const enrolmentVectors: Readonly<Record<string, EnrolmentVector>> = Object.fromEntries(
    Object.entries(cases).map(([name, given]) => [
        `enrolment/${name}.json`,
        { spec: "spec/enrolment.md#1-the-link", ...given },
    ]),
)
