import { test } from "vitest"
import { session } from "./session.ts"

test("postern run: the configuration is --config, else $POSTERN_CONFIG; a mistake is told, and nothing begins", () => {
    session(
        { "wrong.toml": "[[door]]\n" },
        `
        $ POSTERN_CONFIG=missing.toml postern run
        ! missing.toml: there is no such file: …
        ! postern: error: the configuration has errors: nothing was started and nothing was changed
        ? 3
        $ POSTERN_CONFIG=missing.toml postern run -c wrong.toml
        ! wrong.toml:1:1: door[0]…
        ! wrong.toml:1:1: door[0]…
        ! …
        ! postern: error: the configuration has errors: nothing was started and nothing was changed
        ? 3
        `,
    )
})

test("postern run: wrong usage", () => {
    session(
        {},
        `
        $ postern run --log xml
        ! postern: error: option '--log <form>' argument 'xml' is invalid. Allowed choices are auto, plain, journal, json.
        ! …
        ? 2
        $ postern run --log-level loud
        ! postern: error: option '--log-level <level>' argument 'loud' is invalid. Allowed choices are error, warning, notice, info, debug.
        ! …
        ? 2
        $ postern run extra
        ! postern: error: too many arguments for 'run'. Expected 0 arguments but got 1…
        ! …
        ? 2
        `,
    )
})
