"""Makes the images that the other tests of deployment run: of programs that are already built or, with `source` in
their place, of programs compiled inside the image, which takes long. The base is made once, and what has not changed
since the last time costs nothing.

usage: build_images.py BIN_DIR|source FOLDER [JOBS]     JOBS: how many compilers run at once inside the image
"""

import glob
import os
import shutil
import subprocess
import sys
import time

from containers import BASE, PROGRAMS, ROOT, TARGETS, Containers, require_programs

BUILD_SECONDS = 600  # one step, on a slow machine with a slow mirror
COMPILE_SECONDS = 3 * 3600
# Where a machine keeps the roots of trust that are its own, such as those of a proxy between it and npm's registry.
OWN_ROOTS = "/usr/local/share/ca-certificates"


def apt_sources():
    """[(uri, codename, component)] of what this machine installs packages from."""
    lines = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
                            "Created-By: Packages"], capture_output=True, text=True, check=True).stdout.splitlines()
    sources = sorted({tuple(line.split()) for line in lines if line.split()[1].startswith("bookworm")})
    if not any(codename == "bookworm" for _, codename, _ in sources):
        raise SystemExit("apt knows no mirror of Debian 12 (bookworm) here: run apt-get update")
    return sources


def make_base(containers):
    if containers.podman("image", "exists", BASE, check=False).returncode == 0:
        return
    sources = apt_sources()
    mirror = next(uri for uri, codename, _ in sources if codename == "bookworm")
    root = os.path.join(containers.folder, "base")
    shutil.rmtree(root, ignore_errors=True)
    containers.run("debootstrap", "--variant=minbase", "bookworm", root, mirror, timeout=BUILD_SECONDS)
    with open(os.path.join(root, "etc", "apt", "sources.list"), "w", encoding="utf-8") as file:
        file.writelines(f"deb {uri} {codename} {component}\n" for uri, codename, component in sources)
    # As in the official image: no waiting for the disk.
    with open(os.path.join(root, "etc", "dpkg", "dpkg.cfg.d", "unsafe-io"), "w", encoding="utf-8") as file:
        file.write("force-unsafe-io\n")
    if os.path.isdir(OWN_ROOTS):
        shutil.copytree(OWN_ROOTS, root + OWN_ROOTS, dirs_exist_ok=True)
    for path in glob.glob(os.path.join(root, "var", "cache", "apt", "archives", "*.deb")):
        os.remove(path)
    archive = root + ".tar"
    containers.run("tar", "-C", root, "-cf", archive, ".", timeout=BUILD_SECONDS)
    containers.podman("import", archive, BASE, timeout=BUILD_SECONDS)
    os.remove(archive)
    shutil.rmtree(root)


def make_context(programs, folder):
    """As much of the repository as an image needs. Times are kept: layers are found again by what is in the files and
    when they were changed."""
    context = os.path.join(folder, "context")
    shutil.rmtree(context, ignore_errors=True)
    with open(os.path.join(ROOT, ".dockerignore"), encoding="utf-8") as file:
        let_in = [line[1:].strip() for line in file if line.startswith("!")]
    wanted = let_in if programs == "source" else [".dockerignore", "scripts/packages.txt"]
    for name in [*wanted, "deploy", "docs/examples"]:
        copy(os.path.join(ROOT, name), os.path.join(context, name))
    if programs != "source":
        add_programs(programs, context)
    return context


def copy(source, target):
    if os.path.isdir(source):
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".env", "api.key", "__pycache__"),
                        dirs_exist_ok=True)
    elif os.path.exists(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(source, target)


def add_programs(bin_dir, context):
    programs = os.path.join(context, "build", "programs")
    os.makedirs(programs)
    for name in {PROGRAMS.get(image, image) for image in TARGETS.values()}:
        source, target = os.path.join(bin_dir, name), os.path.join(programs, name)
        subprocess.run(["strip", "-o", target, source], check=True)
        shutil.copystat(source, target)
    # Where a build would have left them: for who installs them without an image.
    os.makedirs(os.path.join(context, "build", "release"))
    os.symlink("../programs", os.path.join(context, "build", "release", "bin"))


def product_command(bud, programs, context, jobs):
    """What builds an image of the Dockerfile, but for its target, its name and the context."""
    arguments = {"PROGRAMS": "source" if programs == "source" else "prebuilt", "VERSION": "1.2.3",
                 "REVISION": "0123abc", **({"JOBS": jobs[0]} if jobs else {})}
    # So that others who build the same find it done.
    with open(os.path.join(os.path.dirname(context), "build-arguments"), "w", encoding="utf-8") as file:
        file.write(" ".join(f"{name}={value}" for name, value in arguments.items()))
    settings = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    return [*bud, "-f", os.path.join(context, "deploy", "docker", "Dockerfile"), *settings]


def main(arguments):
    if len(arguments) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    _, programs, folder, *jobs = arguments
    require_programs("buildah", "podman", "runc", "debootstrap", "strip")
    containers = Containers(folder)
    began = time.monotonic()

    def said(what):
        print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)

    make_base(containers)
    said("the base is there")
    bud = ["buildah", "bud", "--layers", "--pull=never"]
    context = make_context(programs, containers.folder)
    product = product_command(bud, programs, context, jobs)
    # Stages by name, so that they are found again.
    for target, image in {"libraries": "moa-libraries", "programs": "moa-programs", **TARGETS}.items():
        containers.run(*product, "--target", target, "-t", image, context,
                       timeout=COMPILE_SECONDS if programs == "source" else BUILD_SECONDS)
        said(image)
    support = [*bud, "-f", os.path.join(ROOT, "tests", "deploy", "support.Dockerfile")]
    for target, image in (("postgres", "docker.io/library/postgres:15-bookworm"),
                          ("prometheus", "docker.io/prom/prometheus:v2.53.4"), ("systemd", "moa-systemd")):
        containers.run(*support, "--target", target, "-t", image, os.path.join(ROOT, "tests", "deploy"),
                       timeout=BUILD_SECONDS)
        said(image)
    containers.podman("image", "prune", "--force")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
