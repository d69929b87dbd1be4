# The suite in an image, for schedulers that run containers: docs/scheduling.md. No secret is in it; they come
# from the environment when it runs.
ARG BASE=python:3.13-slim
FROM ${BASE}

# A base without Python, such as debian:bookworm-slim, gets the distribution's.
RUN command -v python3 >/dev/null || ( \
      apt-get update \
      && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates \
      && rm -rf /var/lib/apt/lists/* )

WORKDIR /suite
# The packages before the code, so that a change of the code does not fetch them again.
COPY requirements.lock pyproject.toml README.md ./
COPY checks/__init__.py checks/
COPY fixtures/__init__.py fixtures/
COPY reports/__init__.py reports/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir -q --disable-pip-version-check -c requirements.lock -e .

COPY . .
# It runs as nobody in particular, writes its reports and nothing else.
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
