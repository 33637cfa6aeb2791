/**
 * Every metric that there is (postern-metrics(1) explains them), from what was counted and from how things stand. No
 * label holds an address: whoever floods us would make a time series per address, and who knocks is nobody's business.
 */
import type { Family, Labels, Sample } from "./exposition.ts"
import type { Levels } from "./levels.ts"
import type { Meter } from "./meter.ts"
import type { DoorTally } from "./tally.ts"

/** All of them, in the order of the manual page. */
export function metricFamilies(meter: Meter, levels: Levels): Family[] {
    return [
        ...packetFamilies(meter, levels),
        ...attemptFamilies(meter, levels),
        ...doorFamilies(meter, levels),
        ...firewallFamilies(meter, levels),
        ...programFamilies(meter, levels),
        ...journalFamilies(meter, levels),
        ...bundleFamilies(levels),
        ...daemonFamilies(meter, levels),
        ...processFamilies(levels),
    ]
}

function packetFamilies({ tally }: Meter, { packets, capture, sources }: Levels): Family[] {
    const { hits, impossible } = tally
    return [
        gauge("postern_capture_info", "How packets are captured; always 1.", [one({ capture }, 1)]),
        counter("postern_packets_delivered_total", "Packets that the capture handed to the engine.", [
            one({}, packets.delivered),
        ]),
        counter("postern_packets_dropped_total", "Packets that were not looked at any further, by cause.", [
            one({ cause: "overrun" }, packets.dropped),
            one({ cause: "unreadable" }, packets.unreadable),
            one({ cause: "unwanted" }, packets.unwanted),
            one({ cause: "impossible_source" }, impossible),
        ]),
        counter("postern_hits_total", "What became of packets in each way of looking at them.", [
            one({ verdict: "counted" }, hits.hits),
            one({ verdict: "repeated" }, hits.repeats),
            one({ verdict: "paused" }, hits.paused),
            one({ verdict: "no_room" }, hits.noRoom),
            one({ verdict: "stray" }, hits.strays),
        ]),
        counter("postern_watched_set_full_total", "Times the kernel's set of watched sources was found full.", [
            one({}, packets.overflows),
        ]),
        gauge("postern_sources_remembered", "Sources in the table of recent hits, quiet ones included.", [
            one({}, sources.used),
        ]),
        gauge("postern_sources_room", "Sources that the table of recent hits has room for.", [one({}, sources.room)]),
    ]
}

function attemptFamilies({ tally }: Meter, { attempts, depth }: Levels): Family[] {
    const reached = Array.from(tally.stages, (value, stage) => ({ stage, value })).filter(
        ({ stage, value }) => stage > 0 && (stage < depth || value > 0),
    )
    return [
        gauge("postern_attempts_live", "Attempts under way.", [one({}, attempts)]),
        counter(
            "postern_attempt_stages_total",
            "Attempts that reached this stage; a whole knock is counted at its door instead.",
            reached.map(({ stage, value }) => one({ stage: String(stage) }, value)),
        ),
        counter("postern_attempts_ended_total", "Attempts that ended before their knock was whole.", [
            one({ cause: "timeout" }, tally.timedOut),
            one({ cause: "spoiled" }, tally.spoiled),
        ]),
        counter("postern_pauses_total", "Sources that were paused after near-misses.", [one({}, tally.pauses)]),
    ]
}

function doorFamilies({ tally, openings }: Meter, { open, grants }: Levels): Family[] {
    const doors = tally.byDoor()
    const each = (value: (door: DoorTally, label: string) => number): Sample[] =>
        doors.map(([door, counts]) => one({ door }, value(counts, door)))
    const split = (name: string, values: (door: DoorTally) => Readonly<Record<string, number>>): Sample[] =>
        doors.flatMap(([door, counts]) =>
            Object.entries(values(counts)).map(([key, value]) => one({ door, [name]: key }, value)),
        )
    return [
        counter(
            "postern_knocks_total",
            "Right knocks, whatever came of them.",
            each((door) => door.knocks),
        ),
        counter(
            "postern_grants_opened_total",
            "Grants that began, by a knock or by hand.",
            each((door) => door.opened),
        ),
        counter(
            "postern_grants_found_total",
            "Grants that were open in the kernel when the daemon began.",
            each((door) => door.found),
        ),
        counter(
            "postern_grants_renewed_total",
            "Grants that got new time while they were open.",
            each((door) => door.renewed),
        ),
        counter(
            "postern_grants_by_hand_total",
            "Of those opened and renewed: by hand.",
            each((door) => door.given),
        ),
        counter(
            "postern_grants_used_up_total",
            "Grants for one connection that one has used up.",
            each((door) => door.used),
        ),
        counter(
            "postern_grants_refused_total",
            "Right knocks that opened nothing, by code.",
            split("code", (door) => door.refused),
        ),
        counter(
            "postern_grants_closed_total",
            "Grants that ended: by time, a closing knock, a hand, a changed configuration, or the loss of our table.",
            split("by", (door) => door.closed),
        ),
        gauge(
            "postern_grants_open",
            "Grants that are open.",
            each((_, label) => open.get(label) ?? 0),
        ),
        gauge("postern_grants_used", "Entries of the book: open grants, and doors with a program under way.", [
            one({}, grants.used),
        ]),
        gauge("postern_grants_room", "Entries that the book has room for.", [one({}, grants.room)]),
        {
            name: "postern_knock_to_grant_seconds",
            help: "From the arrival of a knock's last packet, as the kernel stamped it, to the grant in the kernel.",
            type: "histogram",
            samples: [{ labels: {}, histogram: openings }],
        },
    ]
}

function firewallFamilies({ firewall, firewallTimes, mended }: Meter, { inPlace, hidden }: Levels): Family[] {
    if (inPlace === null) return []
    return [
        gauge("postern_firewall_table_in_place", "1: the kernel has our table as we want it. 0: it has not.", [
            one({}, inPlace ? 1 : 0),
        ]),
        counter(
            "postern_firewall_transactions_total",
            "Changes asked of the kernel's firewall, by operation and result.",
            grid(firewall, "operation", "result"),
        ),
        {
            name: "postern_firewall_transaction_seconds",
            help: "How long these took, refused ones included.",
            type: "histogram",
            samples: Object.entries(firewallTimes).map(([operation, histogram]) => ({
                labels: { operation },
                histogram,
            })),
        },
        gauge(
            "postern_hidden_services",
            "Services that strangers are kept from, and hidden ones that are open after the start of the host.",
            Object.entries(hidden).map(([how, count]) => one({ how }, count)),
        ),
        counter("postern_firewall_table_mended_total", "Times our table was made again after others took it away.", [
            one({}, mended),
        ]),
    ]
}

function programFamilies({ programs, programsEnded, programsRefused }: Meter, { programs: now }: Levels): Family[] {
    return [
        counter(
            "postern_programs_started_total",
            "Programs of doors that were begun or queued.",
            row(programs, "program"),
        ),
        counter(
            "postern_programs_ended_total",
            "Programs that ended, by outcome.",
            grid(programsEnded, "program", "outcome"),
        ),
        counter(
            "postern_programs_refused_total",
            "Programs that were not run, by cause.",
            row(programsRefused, "cause"),
        ),
        gauge("postern_programs_running", "Programs that run.", [one({}, now.running)]),
        gauge("postern_programs_waiting", "Programs that wait for others to end.", [one({}, now.waiting)]),
    ]
}

function journalFamilies({ store, storeTimes }: Meter, { journal }: Levels): Family[] {
    if (journal === null) return []
    const { claims, counters, stops } = journal
    return [
        gauge("postern_journal_failing", "1: the journal cannot be written or opened. 0: it can, as far as is known.", [
            one({}, journal.trouble ? 1 : 0),
        ]),
        gauge("postern_journal_known_since_seconds", "From when on the journal knows everything, since 1970.", [
            one({}, journal.since),
        ]),
        gauge("postern_journal_entries", "What the journal holds.", row({ claims, counters, stops }, "kind")),
        counter(
            "postern_journal_operations_total",
            "What was asked of the journal, by operation and result.",
            grid(store, "operation", "result"),
        ),
        {
            name: "postern_journal_operation_seconds",
            help: "From the question to the answer that is durable on the disk.",
            type: "histogram",
            samples: [{ labels: {}, histogram: storeTimes }],
        },
    ]
}

function bundleFamilies({ bundles }: Levels): Family[] {
    if (bundles === null) return []
    const { trouble, made, files, took, targets } = bundles
    const done = targets.flatMap(({ name, done: seconds }) =>
        seconds === null ? [] : [one({ target: name }, seconds)],
    )
    return [
        gauge("postern_bundles_failing", "1: no bundles can be made. 0: they can, as far as is known.", [
            one({}, trouble ? 1 : 0),
        ]),
        gauge(
            "postern_bundles_made_seconds",
            "When bundles were made the last time, since 1970.",
            made === null ? [] : [one({}, made)],
        ),
        gauge("postern_bundles_files", "Files of the last publication.", [one({}, files)]),
        gauge("postern_bundles_duration_seconds", "How long it took to make them.", [one({}, took)]),
        gauge(
            "postern_bundles_target_failing",
            "1: this target does not work. 0: it does, as far as is known.",
            targets.map(({ name, trouble: wrong }) => one({ target: name }, wrong ? 1 : 0)),
        ),
        gauge("postern_bundles_target_done_seconds", "When all files were there the last time, since 1970.", done),
    ]
}

function daemonFamilies({ asked, refused, lines, tally }: Meter, { clients, version }: Levels): Family[] {
    return [
        gauge("postern_control_clients", "Programs that are connected to the control socket.", [one({}, clients)]),
        counter("postern_control_requests_total", "Questions over the control socket.", row(asked, "ask")),
        counter("postern_control_refused_total", "Refusals over the control socket.", row(refused, "code")),
        counter("postern_log_lines_total", "Lines for the log, those below its level included.", row(lines, "level")),
        counter("postern_log_lines_omitted_total", "Lines about packets that were left out under load.", [
            one({}, tally.omitted),
        ]),
        gauge("postern_build_info", "The version that runs; always 1.", [one({ version }, 1)]),
    ]
}

/** Named as Prometheus' own client libraries name them, but for the loop. */
function processFamilies({ process }: Levels): Family[] {
    const { rss, cpu, fds, fdsMost, started, busy } = process
    const known = (value: number | null): Sample[] => (value === null ? [] : [one({}, value)])
    return [
        counter("postern_event_loop_busy_seconds_total", "Time in which the event loop did not wait.", [one({}, busy)]),
        counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", [one({}, cpu)]),
        gauge("process_resident_memory_bytes", "Resident memory size in bytes.", [one({}, rss)]),
        gauge("process_open_fds", "Number of open file descriptors.", known(fds)),
        gauge("process_max_fds", "Maximum number of open file descriptors.", known(fdsMost)),
        gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", [
            one({}, started),
        ]),
    ]
}

function one(labels: Labels, value: number): Sample {
    return { labels, value }
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
    return { name, help, type: "counter", samples }
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
    return { name, help, type: "gauge", samples }
}

/** One sample per key. */
function row(counts: Readonly<Record<string, number>> | ReadonlyMap<string, number>, label: string): Sample[] {
    const entries = counts instanceof Map ? [...counts] : Object.entries(counts)
    return entries.map(([key, value]: [string, number]) => one({ [label]: key }, value))
}

function grid(
    counts: Readonly<Record<string, Readonly<Record<string, number>>>>,
    label: string,
    other: string,
): Sample[] {
    return Object.entries(counts).flatMap(([key, cells]) =>
        Object.entries(cells).map(([cell, value]) => one({ [label]: key, [other]: cell }, value)),
    )
}
