/**
 * X25519 without WebCrypto. Browsers keep that from pages that came by http from another host; age-encryption then looks for
 * it in vain, and would call every bundle damaged. Told that the algorithm is not supported, as older browsers say, it
 * takes its own.
 */

/** To be called before anything is decrypted. Where there is WebCrypto nothing changes. */
export function provideX25519(): void {
    if (!("subtle" in crypto)) Object.defineProperty(crypto, "subtle", { value: { importKey: notSupported } })
}

async function notSupported(): Promise<never> {
    throw new DOMException("there is no WebCrypto in this page", "NotSupportedError")
}
