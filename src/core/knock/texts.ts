/** The sentences for refused words of the knock language. */
import { formatDuration, MAX_DURATION, MAX_ECHO_SIZE, type Refusal, type Refused } from "./language.ts"

/** What was being read. */
export type Word = "hit" | "service" | "flags" | "duration"

const FORMS: Readonly<Record<Word, string>> = {
    hit: "a hit is written 32144, 21312:udp or icmp:321",
    service: "a service is written tcp/22 or udp/53",
    flags: 'flags are written "syn,!ack", from fin syn rst psh ack urg',
    duration: "a duration is written 500ms, 30s, 2m or 1h30m",
}

const REASONS: Readonly<Record<Refusal, (word: Word) => string>> = {
    empty: (word) => `something is missing: ${FORMS[word]}`,
    blank: (word) => `there is a blank in it: ${FORMS[word]}`,
    form: (word) => `not written as it should be: ${FORMS[word]}`,
    protocol: (word) => `unknown protocol: ${FORMS[word]}`,
    name: () => "names of services are not looked up: write the number of the port",
    number: (word) => `not a whole number in plain digits: ${FORMS[word]}`,
    "leading-zero": () => "a number must not begin with 0",
    port: () => "no such port: ports are 1 to 65535",
    size: () => `no such size: the payload of an echo request is 0 to ${MAX_ECHO_SIZE} bytes`,
    flag: (word) => `unknown flag: ${FORMS[word]}`,
    "flag-twice": () => "a flag is named twice: name it once, with or without !",
    unit: (word) => `a number alone is no duration: ${FORMS[word]}`,
    duration: (word) => `not a duration: ${FORMS[word]}`,
    "unit-order": () => "units of time go from the largest to the smallest, each once, as in 1h30m",
    "too-long": () => `too long: at most ${formatDuration(MAX_DURATION)}`,
}

/**
 * What is wrong with a word and how to mend it. The word itself is not in it, and with `secret` nothing that was made
 * from it either: a sequence must not get into a log by way of an error.
 */
export function refusalText(word: Word, refused: Refused, secret = false): string {
    const reason = REASONS[refused.code](word)
    return refused.instead === undefined || secret ? reason : `${reason}; did you mean ${refused.instead}?`
}
