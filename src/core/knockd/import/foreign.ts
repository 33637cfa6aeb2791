/** What a text is that is no knockd.conf, where that can be seen. */

/** A format that people have beside knockd's. */
export type Foreign = "fwknop-access" | "fwknop-server" | "fwknop-client" | "postern"

/** Ours: so many characters are looked at. */
const LOOKED_AT = 65_536

/** Keys that only one of them has, at the beginning of a line. */
const SIGNS: readonly (readonly [Foreign, RegExp])[] = [
    ["postern", /^[ \t]*(\[\[door\]\]|\[gateway\])/m],
    ["fwknop-client", /^[ \t]*(SPA_SERVER|SPA_SERVER_PORT|SPA_SERVER_PROTO|SPA_SOURCE_PORT|RAND_PORT|ALLOW_IP)[ \t:]/m],
    [
        "fwknop-access",
        /^[ \t]*(SOURCE|OPEN_PORTS|RESTRICT_PORTS|FW_ACCESS_TIMEOUT|KEY_BASE64|HMAC_KEY_BASE64|KEY)[ \t:]/m,
    ],
    ["fwknop-server", /^[ \t]*(PCAP_INTF|PCAP_FILTER|ENABLE_UDP_SERVER|FWKNOP_RUN_DIR|MAX_SPA_PACKET_AGE)[ \t:]/m],
]

/** Which of them it is; null: none. */
export function foreignFormat(text: string): Foreign | null {
    const head = text.slice(0, LOOKED_AT)
    return SIGNS.find(([, sign]) => sign.test(head))?.[0] ?? null
}
