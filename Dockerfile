# The suite as an image, for schedulers that run containers (docs/scheduling.md). It contains no secrets: they come
# from the environment at run time.
ARG BASE=python:3.13-slim
FROM ${BASE}

# Installs the distribution's Python if the base has none (for example debian:bookworm-slim).
RUN command -v python3 >/dev/null || ( \
      apt-get update \
      && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates \
      && rm -rf /var/lib/apt/lists/* )

WORKDIR /suite
# Packages are installed before the code is copied, so that a code change does not download them again.
COPY requirements.lock pyproject.toml README.md ./
COPY checks/__init__.py checks/
COPY fixtures/__init__.py fixtures/
COPY reports/__init__.py reports/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir -q --disable-pip-version-check -c requirements.lock -e .

COPY . .
# Runs as an unprivileged user that can write to the report folders only.
RUN groupadd --gid 10001 suite \
    && useradd --uid 10001 --gid suite --no-create-home --home-dir /suite --shell /usr/sbin/nologin suite \
    && install -d -o suite -g suite reports/latest reports/history
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTEST_ADDOPTS="-p no:cacheprovider" \
    COLUMNS=110
USER 10001:10001
ENTRYPOINT ["pytest"]
