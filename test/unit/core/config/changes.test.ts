import { expect, it } from "vitest"
import { configChanges, fixedSettings, knockerChanges } from "../../../../src/core/config/changes.ts"
import type { Hook } from "../../../../src/core/config/config.ts"
import { config } from "../world.ts"

const ssh = { name: "ssh", opens: ["tcp/22"], hits: ["1", "2"] }
const web = { name: "web", opens: ["tcp/80"], hits: ["3", "4"] }
const hook = (name: string, timeout = 1000): Hook => ({
    name,
    on: ["trouble"],
    doors: null,
    run: ["/bin/true"],
    timeout,
})

it("configChanges() names doors and hooks that came, went and are other, and settings as they are written", () => {
    const old = { ...config([ssh, web]), hooks: [hook("mail"), hook("chat"), hook("page")] }
    const changed = config(
        [
            { ...web, hide: true },
            { ...ssh, name: "sftp" },
        ],
        { socketGroup: "ops", grants: 20 },
    )
    const now = { ...changed, hooks: [hook("page", 2000), hook("chat"), hook("pager")] }
    expect(configChanges(old, now)).toEqual({
        doors: { added: ["sftp"], removed: ["ssh"], changed: ["web"], kept: 0 },
        hooks: { added: ["pager"], removed: ["mail"], changed: ["page"], kept: 1 },
        gateway: ["socket_group", "grants"],
    })
})

it("configChanges() finds nothing where only the order is another", () => {
    const same = { added: [], removed: [], changed: [] }
    const [old, now] = [config([ssh, web]), config([web, ssh])]
    expect(configChanges({ ...old, hooks: [hook("a"), hook("b")] }, { ...now, hooks: [hook("b"), hook("a")] })).toEqual(
        {
            doors: { ...same, kept: 2 },
            hooks: { ...same, kept: 2 },
            gateway: [],
        },
    )
})

it("fixedSettings() finds what a running daemon cannot change, and nothing else", () => {
    const { gateway } = config([ssh])
    const paths = (other: Partial<typeof gateway>) =>
        fixedSettings(gateway, { ...gateway, ...other }, "a.toml").map(({ path }) => path.join("."))
    expect(paths({})).toEqual([])
    expect(paths({ grants: 20, uniform: !gateway.uniform, services: [{ protocol: "tcp", port: 80 }] })).toEqual([])
    expect(paths({ state: "/srv", audit: !gateway.audit, socket: "/run/x", socketGroup: "ops" })).toEqual([
        "gateway.state",
        "gateway.audit",
        "gateway.socket",
        "gateway.socket_group",
    ])
    expect(paths({ capture: "packet-socket", logGroup: 1 })).toEqual(["gateway.capture", "gateway.log_group"])
})

it("knockerChanges() names those who came, went, and have other keys, doors or sequences", () => {
    const key = { kind: "age", line: "age1x", text: "age1x", comment: "" } as const
    const anna = { name: "anna", recipients: [key], doors: null, generation: 0, comment: "" }
    const [bert, carl, dora] = ["bert", "carl", "dora"].map((name) => ({ ...anna, name }))
    const now = [{ ...anna, generation: 1 }, { ...carl!, doors: ["ssh"] }, { ...dora! }, { ...anna, name: "emil" }]
    expect(knockerChanges([anna, bert!, carl!, dora!], now)).toEqual({
        added: ["emil"],
        removed: ["bert"],
        changed: ["anna", "carl"],
        kept: 1,
    })
})
