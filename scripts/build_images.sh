#!/bin/sh
# Builds the images of operator, worker table and engine simulator with whichever builder is at hand and works.
# Without one it says so and succeeds, so that machines without containers are not in the way;
# REQUIRED=1 makes that a failure. TAG is the version of pyproject.toml unless set. PYTHON names another base image,
# where the Containerfiles' own cannot be pulled, and RUNTIME what the images stand on, where that is not the same:
# scripts/build_base_image.sh makes both from Debian's packages.
# IMAGES names those that are wanted, else all are built.
# SAVE names a folder that gets each image as an OCI archive (of docker: its own form) for a registry.
# BUILD_FLAGS are more flags of the builder, such as --volume with pip's settings for a network that needs them.
set -eu
cd "$(dirname "$0")/.."

builder=
for each in podman docker buildah nerdctl; do
    # A client without its server is no builder: docker and nerdctl are often installed alone.
    if command -v "$each" >/dev/null 2>&1 && "$each" info >/dev/null 2>&1; then
        builder=$each
        break
    fi
done
if [ -z "$builder" ]; then
    echo "No container builder works here (tried podman, docker, buildah, nerdctl): no image was built." >&2
    exit "${REQUIRED:-0}"
fi

tag=${TAG:-$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)}
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
# Only what the Containerfiles copy: no virtual environment, no build folder, no local secrets.
mkdir -p "$context/e2e"
cp -R pyproject.toml constraints.txt README.md LICENSE operator forecasting images "$context"
cp -R e2e/src "$context/e2e"
find "$context" -name __pycache__ -type d -prune -exec rm -rf {} +

for image in ${IMAGES:-operator worker-table engine-simulator}; do
    echo "Building pd-operator/$image:$tag with $builder"
    # shellcheck disable=SC2086 - several flags
    "$builder" build ${BUILD_FLAGS:-} ${PYTHON:+--build-arg "PYTHON=$PYTHON"} ${RUNTIME:+--build-arg "RUNTIME=$RUNTIME"} --file "$context/images/Containerfile.$image" --tag "pd-operator/$image:$tag" "$context"
    if [ -n "${SAVE:-}" ]; then
        name=pd-operator/$image:$tag file=$SAVE/image-$image-$tag.tar
        case $builder in
            buildah) buildah push --quiet "$name" "oci-archive:$file" ;;
            podman) podman save --quiet --format oci-archive --output "$file" "$name" ;;
            *) "$builder" save --output "$file" "$name" ;;
        esac
    fi
done
