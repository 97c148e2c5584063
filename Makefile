# Gateway Alerts. `make help` lists what there is; CI runs the same targets (.ci/run).
#
# Everything but the SAM targets runs from one virtual environment, .venv, without Docker and without AWS.
# The first run downloads its packages; after that nothing here needs a network.

PYTHON     ?= python3.13
PY         := .venv/bin/python
DEV_READY  := .venv/.ready
SAM_READY  := .venv-sam/.ready
AUDIT_READY := .venv-audit/.ready
FUZZ_READY := .venv-fuzz/.ready
LITELLM_READY := .venv-litellm/.ready
# `sam` runs the first `python3.13` on the PATH to build; the one beside it is always there.
SAM        := PATH="$(CURDIR)/.venv-sam/bin:$$PATH" SAM_CLI_TELEMETRY=0 SAM_CLI_CHECK_VERSION=0 AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} sam
BUILD_DIR  := .aws-sam/build
# A build that runs here, whatever the template's default: `sam local` runs only what was built for this machine.
HOST_ARCHITECTURE := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
ARCHITECTURE      ?= $(HOST_ARCHITECTURE)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

##@ Run it on this machine, without AWS and without Docker

.PHONY: demo
demo: $(DEV_READY) ## Send the sample events through the whole pipeline, show the Slack messages, end (ALL=1: one message for each alert type)
	@PYTHONPATH=layers/common ALL=$(ALL) $(PY) -m local.demo

.PHONY: local
local: $(DEV_READY) ## The same stack until Ctrl-C, for a real gateway: PORT, BATCH_WINDOW_SECONDS, BATCH_SIZE, CONFIG, INGEST_TOKENS, SLACK_WEBHOOK_URL
	@$(PY) -m local.serve

##@ Test it

.PHONY: test
test: $(DEV_READY) ## All tests that need neither Docker nor SAM, on all cores, with branch coverage
	@# loadfile: what the tests of a file share is made once.
	@$(PY) -m pytest -n auto --dist loadfile -m "not sam_local and not deployed and not load and not litellm" --cov --cov-report=term-missing:skip-covered

.PHONY: check
check: $(DEV_READY) $(SAM_READY) ## Format, lint, types, template
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/cfn-lint
	@$(SAM) validate --lint

.PHONY: format
format: $(DEV_READY) ## Rewrite the sources the way `make check` wants them
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

.PHONY: bench
bench: $(DEV_READY) ## Cost of a cold start and events per second, against their bounds
	@$(PY) -m tests.bench

.PHONY: cost
cost: $(DEV_READY) ## Dollars per way in, from the calls of a real run: EVENTS=1000000 ALERTS=1000
	@PYTHONPATH=functions:layers/common:. $(PY) -m tests.bench.cost --events $(or $(EVENTS),1000000) --alerts $(or $(ALERTS),1000)

.PHONY: scale
scale: $(DEV_READY) ## On paper, from 1 to 1,000,000 events a second: what saturates first, and what to set
	@PYTHONPATH=functions:layers/common:. $(PY) -m tests.bench.scale

.PHONY: compare
compare: $(DEV_READY) ## The reference's measured failures beside this application's figures; 1 when a promise is broken
	@$(PY) -m tests.load.compare

.PHONY: load
load: $(DEV_READY) ## Kill processes under load, 10,000 crossings at once, an hour's stream (about ten minutes)
	@$(PY) -m pytest -m load

.PHONY: simulate
simulate: $(DEV_READY) ## Kills, lost answers, copies and faults at every step, by seed: SEEDS=2000, on all cores; a failure says how to replay it
	@$(PY) -m tests.simulation --seeds $(SEEDS)

.PHONY: fuzz
fuzz: $(FUZZ_READY) ## Fuzz every parser, guided by coverage: RUNS=1000000 inputs in all (Linux on x86-64 only)
	@PYTHONPATH=functions:layers/common:. .venv-fuzz/bin/python -m tests.fuzz $(RUNS)

.PHONY: audit
audit: $(DEV_READY) $(AUDIT_READY) ## Static analysis, security rules of the template, known vulnerabilities of every lock (asks a service)
	@# B101: an assert says what a type cannot, and nothing hangs on it.
	@.venv-audit/bin/bandit --quiet --recursive --skip B101 functions layers/common/gateway_alerts
	@# Runs on a person's own machine. Low severity: it starts processes. B310: the URLs that it opens are its own, on loopback.
	@.venv-audit/bin/bandit --quiet --recursive --severity-level medium --skip B310 local
	@$(PY) -m ruff check --select S functions layers/common/gateway_alerts
	@.venv/bin/cfn-lint
	@$(PY) -m pytest -q tests/template
	@# --strict: a package that the service does not know is not a package without vulnerabilities.
	@for lock in layers/common/requirements.txt requirements/*.txt; do \
	  answer=$$(.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r $$lock 2>&1) \
	    && { echo "$$lock: $$answer"; continue; }; \
	  echo "$$answer" | tail -40 >&2; \
	  if echo "$$answer" | grep -q '^Found '; then echo "$$lock: vulnerable, see above" >&2; \
	  else echo "$$lock: NOT audited, the vulnerability service could not be asked (it needs the Internet) or does not know a package, see above; all checks before it passed" >&2; fi; \
	  exit 1; \
	done

.PHONY: test-sam
test-sam: $(DEV_READY) $(SAM_READY) ## Build the package, look into it, run it under `sam local` (needs Docker)
	@$(PY) -m pytest -m sam_local

.PHONY: test-litellm
test-litellm: $(DEV_READY) $(LITELLM_READY) ## Run a stock LiteLLM against the stack: what it raises arrives once, what it fails to raise is raised
	@$(PY) -m pytest -m litellm

.PHONY: test-deployed
test-deployed: $(DEV_READY) $(SAM_READY) ## Deploy template.yaml into a local emulator with IAM enforced, end to end
	@$(PY) -m pytest -m deployed

##@ Build and deploy it

.PHONY: build
build: $(SAM_READY) ## Build the package for this machine (ARCHITECTURE=arm64 or x86_64 for another)
	@$(SAM) build --cached --parallel --parameter-overrides Architecture=$(ARCHITECTURE)
	@.venv-sam/bin/python -m compileall -q --invalidation-mode unchecked-hash $(BUILD_DIR)

.PHONY: invoke-evaluate
invoke-evaluate: event-given $(DEV_READY) build ## Run EvaluateFunction under `sam local` on EVENT=events/evaluate/….json (needs Docker)
	@$(PY) -m local.invoke EvaluateFunction "$(EVENT)"

.PHONY: invoke-notify
invoke-notify: event-given $(DEV_READY) build ## Run NotifyFunction under `sam local` on EVENT=events/notify/….json (needs Docker)
	@$(PY) -m local.invoke NotifyFunction "$(EVENT)"

.PHONY: deploy
deploy: ## Build and deploy to your AWS account; asks for the parameters (ARCHITECTURE=arm64 or x86_64)
	@$(MAKE) --no-print-directory build ARCHITECTURE=$(DEPLOY_ARCHITECTURE)
	@$(SAM) deploy --guided --parameter-overrides Architecture=$(DEPLOY_ARCHITECTURE)

.PHONY: redrive
redrive: $(DEV_READY) ## Bring alerts back from the dead-letter queue (STACK=name; DRY_RUN=1 only shows why they are there)
	@$(PY) -m tools.redrive $(if $(STACK),--stack-name "$(STACK)") $(if $(DRY_RUN),--dry-run)

.PHONY: import-litellm
import-litellm: $(DEV_READY) ## LiteLLM's CONFIG=proxy_config.yaml as our configuration, on stdout (STACK=name, TOPIC_ARN=… for mails)
	@PYTHONPATH=layers/common $(PY) -m tools.import_litellm "$(CONFIG)" $(if $(STACK),--stack-name "$(STACK)") $(if $(TOPIC_ARN),--topic-arn "$(TOPIC_ARN)")

##@ Keep it

.PHONY: readme
readme: $(DEV_READY) ## Write the README's table of alert types from the registry and the samples
	@PYTHONPATH=layers/common $(PY) -m tools.readme

.PHONY: setup
setup: $(DEV_READY) $(SAM_READY) ## Install both environments, for working without a network later

.PHONY: lock
lock: ## Lock the requirements again (needs uv)
	@$(call locked,layer,layers/common/requirements.txt)
	@$(call locked,dev,requirements/dev.txt,-c layers/common/requirements.txt)
	@$(call locked,sam,requirements/sam.txt)
	@$(call locked,audit,requirements/audit.txt)
	@$(call locked,fuzz,requirements/fuzz.txt,-c layers/common/requirements.txt)
	@$(call locked,litellm,requirements/litellm.txt,--overrides requirements/litellm-overrides.in)

.PHONY: clean
clean: ## Remove what was built and installed here
	@rm -rf .venv .venv-sam .venv-audit .venv-fuzz .venv-litellm .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# The default of the template, unless named on the command line.
DEPLOY_ARCHITECTURE := $(if $(filter command line environment,$(origin ARCHITECTURE)),$(ARCHITECTURE),arm64)
RUNS ?= 1000000
SEEDS ?= 2000
LOCK_FLAGS := --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.13 --universal
# A lock of requirements/$(1).in in the file $(2), beneath a line that says where it comes from.
locked = uv pip compile $(LOCK_FLAGS) requirements/$(1).in $(3) -o $(2) && { \
	echo '\# Locked from requirements/$(1).in; `make lock` writes it. Hashes of every published file, so it serves every platform.'; \
	cat $(2); } > $(2).new && mv $(2).new $(2)

.PHONY: event-given
event-given:
	@test -f "$(EVENT)" || { echo "Say EVENT=…, one of the files under events/" >&2; exit 1; }

# An environment is made again only when its requirements say something new; a second run needs no network.
define environment
@if cmp -s $< $(@D)/requirements.txt; then touch $@; else \
  { $(PYTHON) -c "" 2>/dev/null || { echo "$(PYTHON) is needed; name another one with PYTHON=…" >&2; exit 1; }; } && \
  echo "Setting up $(@D) (once)" >&2 && \
  $(PYTHON) -m venv --clear $(@D) && \
  $(@D)/bin/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes $(PIP_FLAGS) -r $< && \
  cp $< $(@D)/requirements.txt && touch $@; \
fi
endef

$(DEV_READY): requirements/dev.txt
	$(environment)

$(SAM_READY): requirements/sam.txt
	$(environment)

$(AUDIT_READY): requirements/audit.txt
	$(environment)

$(FUZZ_READY): requirements/fuzz.txt
	$(environment)

# The lock is complete, and says otherwise than LiteLLM's own requirements: requirements/litellm-overrides.in.
$(LITELLM_READY): PIP_FLAGS := --no-deps
$(LITELLM_READY): requirements/litellm.txt
	$(environment)
