"""An authority and certificates as docs/kubernetes.md asks for them, made by openssl."""

import os
import subprocess


def make_secrets(folder):
    """{name of the Secret: {tls.crt, tls.key, ca.crt}}. The coordinators' is good for 127.0.0.1 too."""
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=moa test authority", "-keyout", "ca.key", "-out", "ca.crt")
    names = "DNS:moa-coordinator,DNS:*.moa-coordinator-peers.moa.svc,IP:127.0.0.1"
    return {f"moa-{who}-tls": certificate(folder, who, names if who == "coordinator" else f"DNS:moa-{who}")
            for who in ("coordinator", "worker", "grader", "gateway", "client")}


def certificate(folder, who, names):
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN=moa-{who}",
            "-keyout", f"{who}.key", "-out", f"{who}.csr")
    with open(os.path.join(folder, f"{who}.ext"), "w", encoding="utf-8") as file:
        file.write(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
    openssl(folder, "x509", "-req", "-in", f"{who}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", f"{who}.ext", "-out", f"{who}.crt")
    return {"tls.crt": text(folder, f"{who}.crt"), "tls.key": text(folder, f"{who}.key"),
            "ca.crt": text(folder, "ca.crt")}


def openssl(folder, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments}: {done.stderr}")


def text(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()
