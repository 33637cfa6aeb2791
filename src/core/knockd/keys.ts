/** The words of a knockd.conf, in capitals: those of knockd 0.8, and those that are ours. */
import { ACK, FIN, PSH, RST, SYN, URG } from "../net/packet.ts"

/** Flags of TCP packets. */
export const FLAGS = new Map([
    ["FIN", FIN],
    ["SYN", SYN],
    ["RST", RST],
    ["PSH", PSH],
    ["ACK", ACK],
    ["URG", URG],
])

/** Keys that have another name. */
export const ALIASES = new Map([
    ["TIMEOUT", "SEQ_TIMEOUT"],
    ["COMMAND", "START_COMMAND"],
    ["COMMAND_6", "START_COMMAND_6"],
    ["COOLDOWN", "SEQ_COOLDOWN"],
])

/** Pairs that knockd 0.8 refuses and we take, because its users have asked for them. */
export const EXTRAS: ReadonlySet<string> = new Set(["ON_START", "ON_STOP", "SEQ_COOLDOWN"])

type Option = {
    readonly field: "logFile" | "pidFile" | "interface" | "onStart" | "onStop"
    readonly told: string
}

/** What can stand in front of a `=` in `[options]`, and what knockd calls it. */
export const OPTIONS: ReadonlyMap<string, Option> = new Map([
    ["LOGFILE", { field: "logFile", told: "log file" }],
    ["PIDFILE", { field: "pidFile", told: "pid file" }],
    ["INTERFACE", { field: "interface", told: "interface" }],
    ["ON_START", { field: "onStart", told: "on_start" }],
    ["ON_STOP", { field: "onStop", told: "on_stop" }],
])

/** Directives of doors whose values are kept as they are. */
export const TEXTS: ReadonlyMap<string, "target" | "start" | "start6" | "stop" | "stop6"> = new Map([
    ["TARGET", "target"],
    ["START_COMMAND", "start"],
    ["START_COMMAND_6", "start6"],
    ["STOP_COMMAND", "stop"],
    ["STOP_COMMAND_6", "stop6"],
])

export const DIRECTIVES: ReadonlySet<string> = new Set(
    ["SEQUENCE", "ONE_TIME_SEQUENCES", "SEQ_TIMEOUT", "SEQ_COOLDOWN", "CMD_TIMEOUT", "TCPFLAGS"].concat([
        ...TEXTS.keys(),
    ]),
)
