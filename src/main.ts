/**
 * The program: joins the shells, daemon, web and command line, which do not know each other. In knockd's place and in
 * knock's it reads their words by their rules, and waits for nothing that they do not need.
 */
const [verb, ...words] = process.argv.slice(2)

// Node would open a debugger on loopback, by which every user of this host could run what he likes as us.
process.on("SIGUSR1", () => {})

process.exitCode = await (verb === "knockd" ? knockd() : verb === "knock-compat" ? knockCompat() : postern())

async function knockd(): Promise<number> {
    const { knockd } = await import("./daemon/knockd/main.ts")
    return knockd(words)
}

async function knockCompat(): Promise<number> {
    const { knockCompat } = await import("./cli/knock-compat/verb.ts")
    return knockCompat(words)
}

async function postern(): Promise<number> {
    const [{ main }, { run }, { web }, { knockdVerb }] = await Promise.all([
        import("./cli/main.ts"),
        import("./daemon/command.ts"),
        import("./web/command.ts"),
        import("./daemon/knockd/command.ts"),
    ])
    return main(process.argv.slice(2), [run, web, knockdVerb])
}
