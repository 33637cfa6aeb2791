/** In which `postern knockd` is not knockd, and why: every difference that a test finds between the two has a name here. */
export const IMPROVEMENTS = {
    "doors apart":
        "each door looks for its own sequence: hits of other doors neither end a knock nor keep one from beginning",
    "sources apart": "knockd forgets the knocks of everybody when its oldest one ends; nobody can disturb another",
    repeats: "a hit that comes twice, as systems and browsers send them, is one hit: knockd fails the knock",
    "a wrong hit begins anew": "the hit that a knock failed by may be the first of the next: knockd loses it",
    "why a knock failed": "knockd says nothing of it, and whoever knocks has no way to know",
    "timeouts when they happen": "knockd tells of one when the next packet comes, of anybody",
    milliseconds: "knockd counts whole seconds: a window of 5 s is one of 4.1 s for who begins late in a second",
    "one start": "knockd starts again while open, and then its first stop closes the door under the second knock",
    "own frames":
        "a frame for another host's hardware address is none of ours: the host itself would not take it, either",
    "bad lines": "knockd marks a line that is no sequence instead of the one used, which then works again",
    "lines alike": "knockd takes lines whose first halves are alike for the same, and marks the wrong one of them",
    "the last sequence":
        "knockd crashes when the last one-time sequence is used, takes all doors with it, and starts with none while it is so",
    "the next sequence from its beginning": "knockd goes on with the next sequence where the one before was left",
    "one-time sequences by IPv6": "knockd still listens for the ports of the first one",
    "reload keeps": "half a knock goes on over a SIGHUP: knockd forgets it, and its next hit may begin another",
    "reload refuses": "with a mistake in its new configuration knockd ends; ours goes on with what it has, and says so",
    addresses: "knockd knows those that its interface had at the start: ours follows them",
    "any interface": "knockd hears nothing, or every packet to everywhere, on an interface any",
    "interfaces come back": "knockd ends when its interface goes, with an exit code that says that all is well",
    "several interfaces": "knockd can listen on one",
    "priority tags": "knockd does not look behind the tag of a frame that has a priority and no VLAN; the system does",
    "extension headers": "knockd does not look behind those of IPv6",
    "wished for": "directives that knockd's users have asked for: it refuses a file that has one",
    "no children": "stops of commands are ours to run: knockd's wait in processes that a signal ends",
} as const

/** The name of one. */
export type Improvement = keyof typeof IMPROVEMENTS
