/** The help of `postern knock`, apart from the other sentences: it is needed whenever the command line is read. */

/** Begins the help: examples first. */
export const KNOCK_EXAMPLES = `Examples:
  postern knock home ssh                        the door "ssh" of the profile "home", then wait until ssh answers
  postern knock gate ssh                        the same with one-time sequences, after postern enroll
  postern knock gate.example.org 32144 21312:udp icmp:321 --wait tcp/22
                                                three hits by TCP, UDP and ping, to IPv6 and IPv4
  pass show gate | postern knock gate.example.org --hits-file - --wait tcp/22
                                                hits that nobody sees in ps or in the shell's history
  postern knock -6 --dry-run home ssh           what would be sent
  ssh: Match host home exec "postern knock -q home ssh"
`

/** Ends the help. */
export const KNOCK_NOTES = `
Hits given as words can be read by every user of this machine (ps) and stay in the shell's history; better put them
into a profile, ~/.config/postern/hosts/NAME.toml with mode 600:

  host = "gate.example.org"
  [[door]]
  name = "ssh"
  hits = ["32144", "21312:udp", "icmp:321"]
  wait = "tcp/22"

Exit status: 0 open (or sent, without --wait), 1 did not open, 2 wrong usage, 3 broken profile, 4 key does not fit, 5 host
not found or not reachable, 6 no permission, 7 used up or too old, 130 interrupted.
`
