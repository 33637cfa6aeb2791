# One command each: `make run` and `make test` set up what is missing by themselves. Everything can be run twice.
.POSIX:
.PHONY: help setup-node node build run test soak demo demo-picture bench bench-picture install uninstall clean

help:
	@echo "make run           watch this host (root) or a private network (not root) for a knock; set-up included"
	@echo "make test          everything that is checked: types, lint, and every tier of tests; some twenty minutes, set-up included"
	@echo "make soak          ten minutes of floods, faults and honest knocks at once; SOAK=60 for a minute (root)"
	@echo "make demo          a hidden sshd, a scan, a knock, a session: under a minute, in a private network"
	@echo "make bench         everything that is promised in figures, beside Debian's knockd (root, under a quarter of an hour)"
	@echo "make build         dist/postern.js, which ./postern runs"
	@echo "make install       into PREFIX (/usr/local), with its service, as root, after make build; fetches nothing"
	@echo "                   NAMES=\"knock knockd\" puts the names of knockd's programs there, too"
	@echo "make uninstall     takes that away; configuration and state stay"
	@echo "make demo-picture  docs/demo.svg from the real output of the demo"
	@echo "make bench-picture docs/bench.svg and bench/RESULTS.md from the last make bench"
	@echo "make clean         remove what was built"

# Is there a Node.js that is new enough? Nothing else can be said before.
setup-node:
	@sh tools/setup.sh node

# npm writes this file last, so it is older than the lock file exactly when an install is due.
node_modules/.package-lock.json: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

node: setup-node
	@$(MAKE) -s node_modules/.package-lock.json

build: node
	@node tools/build.mjs

run: build
	@sh tools/setup.sh debian run
	@exec node --import tsx tools/run.ts

test: build
	@sh tools/setup.sh debian test
	@exec node --import tsx tools/run-tests.ts

# Seconds.
SOAK = 600
soak: build
	@sh tools/setup.sh debian test
	@exec node --import tsx tools/soak.ts $(SOAK)

demo: build
	@sh tools/setup.sh debian demo
	@exec node --import tsx tools/demo.ts

demo-picture: build
	@sh tools/setup.sh debian demo
	@mkdir -p build
	node --import tsx tools/demo.ts > build/demo.txt
	node --import tsx tools/draw-terminal.ts "make demo" build/demo.txt > docs/demo.svg

bench: build
	@sh tools/setup.sh debian bench
	@exec node --import tsx bench/run.ts $(ROWS)

bench-picture: node
	node --import tsx bench/picture.ts build/bench.json > docs/bench.svg
	cp build/bench.md bench/RESULTS.md

install:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" SYSCONFDIR="$(SYSCONFDIR)" NAMES="$(NAMES)" sh tools/install.sh install

uninstall:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" SYSCONFDIR="$(SYSCONFDIR)" sh tools/install.sh uninstall

clean:
	rm -rf dist build coverage
