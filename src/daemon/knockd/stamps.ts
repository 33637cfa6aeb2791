/** Times as logs have them: local, in the form of the C locale. */

/** LOG_DAEMON and LOG_NOTICE (RFC 3164, section 4.1.1), which knockd's lines have. */
const PRIORITY = (3 << 3) | 5
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** knockd's, `YYYY-MM-DD HH:MM`. `wall`: milliseconds since 1970. */
export function logStamp(wall: number): string {
    const local = new Date(wall - new Date(wall).getTimezoneOffset() * 60_000)
    return local.toISOString().slice(0, 16).replace("T", " ")
}

/** What syslog(3) sends for a line of knockd: priority, time and who says it (RFC 3164, section 4.1.2). */
export function syslogText(wall: number, line: string): string {
    const date = new Date(wall)
    const day = String(date.getDate()).padStart(2)
    const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, "0"))
    return `<${PRIORITY}>${MONTHS[date.getMonth()]} ${day} ${time.join(":")} knockd: ${line}`
}
