# The three packages with OpenGL for images, from the wheels that `make wheels` wrote: docs/install.md.
FROM python:3.11-slim-bookworm

# gcc and libc6-dev: torch.compile needs a C compiler on GPUs (policy.compile)
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends --yes libegl1 libgl1 libgl1-mesa-dri libosmesa6 gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

# which packages: "libero_gym", or "libero_gym vla_policy vla_trainer"
ARG PACKAGES="libero_gym"
# torch for CPUs is 0.2 GB, with CUDA 5 GB
ARG TORCH_INDEX="https://download.pytorch.org/whl/cpu"

COPY dist /tmp/dist
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN for package in ${PACKAGES}; do echo "/tmp/dist/${package}"-*.whl; done \
    | xargs pip install --no-cache-dir --extra-index-url "${TORCH_INDEX}" \
    && rm -rf /tmp/dist

RUN useradd --create-home --uid 1000 libero
USER 1000
WORKDIR /home/libero
# EGL needs the driver's graphics capability
ENV NVIDIA_DRIVER_CAPABILITIES=all
CMD ["libero-gym", "doctor"]
