# One image for three computes: a Lambda function, a Fargate task, a pod. `python3 -m app` tells them apart.
# Build: docker buildx build --platform linux/arm64 --build-arg COMMIT="$(git rev-parse HEAD)" .
# With --build-arg REQUIREMENTS=telemetry.txt it can also send traces and metrics to a collector.
FROM public.ecr.aws/lambda/python:3.13 AS base

FROM base AS dependencies
ARG REQUIREMENTS=app.txt
COPY requirements/${REQUIREMENTS} /build/requirements.txt
RUN pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: \
        --target /build/packages --requirement /build/requirements.txt \
    && rm -rf /build/packages/bin /build/packages/pydantic/v1 \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /build/packages

FROM base AS code
COPY app /build/app
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /build/app \
    && chmod -R u=rwX,go=rX /build/app

FROM base
COPY --from=dependencies /build/packages ${LAMBDA_TASK_ROOT}
COPY --from=code /build/app ${LAMBDA_TASK_ROOT}/app
ARG COMMIT=unknown
ENV COMMIT=${COMMIT} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Fargate mounts an empty volume here when the root file system is read-only; it takes over this folder's mode.
RUN chmod 1777 /tmp
VOLUME ["/tmp"]
# A number, so that Kubernetes can see that it is not root. Lambda brings its own user and ignores this one.
USER 10001:10001
EXPOSE 8080
# checkov:skip=CKV_DOCKER_2:ECS, Kubernetes and Lambda ignore it; each checks /health by its own means.
ENTRYPOINT ["python3", "-m", "app"]
