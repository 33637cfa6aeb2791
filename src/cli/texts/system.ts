/** What the system says, such as `ENOSPC`, as people say it. */

const SYSTEM: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    EACCES: "no permission",
    EPERM: "no permission",
    EROFS: "the disk is read-only",
    ENOSPC: "the disk is full",
    EDQUOT: "the quota is used up",
    ENOTDIR: "part of its path is no directory",
    EISDIR: "it is a directory",
    EEXIST: "it is there already",
    EFBIG: "it is far too large",
    OTHERS: "others can write to its directory",
}

/** The system's word for what went wrong, as people say it. */
export function systemText(code: string): string {
    return SYSTEM[code] ?? code
}

/** Is it a matter of rights? */
export function isDenied(code: string): boolean {
    return code === "EACCES" || code === "EPERM" || code === "EROFS"
}
