/** The clock, sshd and the files of ours. */
import type { SshdSetting } from "../finding.ts"
import { always, type Entries, isWritable, none, quoted, shown } from "./entry.ts"

const SSHD: Readonly<Record<SshdSetting, { readonly why: string; readonly better: string }>> = {
    PermitEmptyPasswords: { why: "accounts without a password are open to whoever is let in", better: "no" },
    PasswordAuthentication: {
        why: "everyone behind the address of somebody who knocked can guess passwords meanwhile; keys cannot be guessed",
        better: "no",
    },
    KbdInteractiveAuthentication: {
        why: "it asks for passwords, too, and they can be guessed; where it asks for a second factor, leave it",
        better: "no",
    },
    PermitRootLogin: { why: "root's password is what everyone guesses first", better: "prohibit-password" },
}

/** See the head of the file. */
export const HOST_ENTRIES: Entries<"clock-unsynchronised" | "clock-behind" | "sshd" | "secret-open"> = {
    "clock-unsynchronised": {
        summary: "nobody keeps the clock right",
        severities: ["unsafe", "note"],
        severity: ({ needed }) => (needed ? "unsafe" : "note"),
        what: () => "the clock of this host is kept by nobody",
        why: ({ needed }) =>
            needed
                ? "bundles are good for a time, by the clocks of both sides"
                : "the log and the audit trail say when",
        commands: () => ["timedatectl set-ntp true"],
        advice: () => "where systemd-timesyncd is not there, install chrony",
    },
    "clock-behind": {
        summary: "the clock says that files of ours will be written in the future",
        ...always("broken"),
        what: ({ file, by }) => `the clock is behind: ${shown(file)} was written ${by} from now`,
        why: () => "what was used is refused by time, and bundles look older or younger than they are",
        commands: none,
        advice: () => "set the clock; if it is right now and was wrong then, touch that file",
    },
    sshd: {
        summary: "a setting of sshd that makes more of a knock than it should be",
        ...always("unsafe"),
        what: ({ setting, value }) => `sshd has ${setting} ${value}`,
        why: ({ setting }) => SSHD[setting].why,
        // The first value that sshd reads is the one that holds.
        commands: ({ setting, file, pid }) => [
            `sed -i '1i ${setting} ${SSHD[setting].better}' ${quoted(file)}`,
            `kill -HUP ${pid}`,
        ],
        advice: () => "be sure that you come in with a key, and keep this session meanwhile",
    },
    "secret-open": {
        summary: "others can read a secret, or change who comes in",
        ...always("unsafe"),
        what: ({ path, mode, excess }) =>
            `${shown(path)}: others can ${(excess & mode & 0o044) !== 0 ? "read" : "change"} it (mode ${mode.toString(8)})`,
        why: () => "it holds what opens doors, or decides who may",
        commands: ({ path, mode, excess }) =>
            isWritable(path) ? [`chmod ${(mode & ~excess).toString(8)} ${quoted(path)}`] : [],
        advice: () => "if somebody may have read it, make new ones",
    },
}
