/** What to say of a text that should name an address or a network: the error, then its hint. */
export function notNetwork(text: string): [what: string, hint: string] {
    return [
        `${text}: not an address, nor a network whose bits after the prefix are 0`,
        "such as 198.51.100.7, 198.51.100.0/24 or 2001:db8::/64: names are not looked up",
    ]
}
