# Two images: `bot` (queue, ledger, chat platforms; no torch) and `sampler` (torch).
#   docker build --target bot --tag atelier-bot .
#   docker build --target sampler --tag atelier-sampler .

FROM python:3.11-slim-bookworm AS base
ENV PATH=/opt/atelier/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# Libraries come before our code, so that a change of code does not install them again: their names from
# pyproject.toml, their versions from constraints.txt.
FROM base AS libraries
WORKDIR /build
RUN python -m venv /opt/atelier
COPY constraints.txt pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        >bot.txt \
    && pip install --constraint constraints.txt --requirement bot.txt

FROM libraries AS torch-libraries
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*p['optional-dependencies']['local'], sep='\n')" \
        >local.txt \
    && pip install --constraint constraints.txt --requirement local.txt

FROM base AS wheel
WORKDIR /build
COPY . .
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM libraries AS bot-installed
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels pip install --no-deps /wheels/*.whl

FROM torch-libraries AS sampler-installed
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels pip install --no-deps /wheels/*.whl

# What both images are: our files read-only, one unprivileged user, its data below /data.
FROM base AS runtime
RUN useradd --uid 10001 --user-group --create-home atelier \
    && install --directory --owner=atelier --group=atelier /data
USER 10001:10001
WORKDIR /home/atelier
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["atelier"]

FROM runtime AS bot
COPY --from=bot-installed /opt/atelier /opt/atelier
ENV ATELIER_DATA_DIR=/data
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8190/healthz', timeout=4)"]
CMD ["serve"]

FROM runtime AS sampler
COPY --from=sampler-installed /opt/atelier /opt/atelier
# Nothing is looked up on a hub, and the root file system is read-only.
ENV HF_HUB_OFFLINE=1 \
    HF_HOME=/tmp/huggingface
EXPOSE 8188
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; key = os.environ.get('ATELIER_SAMPLER_KEY', ''); u.urlopen(u.Request('http://127.0.0.1:8188/system_stats', headers={'Authorization': 'Bearer ' + key}), timeout=4)"]
CMD ["sampler", "--listen", "0.0.0.0", "--port", "8188", "--models-dir", "/models", "--input-directory", "/data/input", "--output-directory", "/data/output", "--temp-directory", "/data/temp"]
