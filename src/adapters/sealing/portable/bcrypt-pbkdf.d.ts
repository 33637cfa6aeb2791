declare module "bcrypt-pbkdf" {
    /** The one function that is used of it: OpenSSH's bcrypt_pbkdf(3), which fills `key`. Nothing is returned but 0 or -1. */
    const bcrypt: {
        readonly pbkdf: (
            pass: Uint8Array,
            passLength: number,
            salt: Uint8Array,
            saltLength: number,
            key: Uint8Array,
            keyLength: number,
            rounds: number,
        ) => number
    }
    export default bcrypt
}
