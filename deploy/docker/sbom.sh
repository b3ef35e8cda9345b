#!/bin/bash
# sbom.sh NAME VERSION FILE PACKAGE…: prints the bill of materials of an image as SPDX 2.3: the program, the packages
# that its files are from, and the libraries of which the program holds compiled code.
set -euo pipefail
name=$1 version=$2 file=$3
shift 3
# Headers alone, or linked from an archive: no file in the image shows them.
compiled_in=(libboost1.74-dev rapidjson-dev libcli11-dev)
checksum=$(sha256sum "$file")
checksum=${checksum%% *}
created=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%dT%H:%M:%SZ)
# The same program with the same packages is the same document.
identity=$({ echo "$checksum"; dpkg-query -W "$@" "${compiled_in[@]}"; } | sha256sum | cut -c 1-32)
purl_escape() { sed -e 's/%/%25/g' -e 's/+/%2B/g' -e 's/:/%3A/g' -e 's/~/%7E/g' <<<"$1"; }

cat <<JSON
{
  "spdxVersion": "SPDX-2.3",
  "dataLicense": "CC0-1.0",
  "SPDXID": "SPDXRef-DOCUMENT",
  "name": "$name",
  "documentNamespace": "urn:moa:sbom:$name:$identity",
  "creationInfo": {"created": "$created", "creators": ["Tool: deploy-docker-sbom.sh"]},
  "documentDescribes": ["SPDXRef-Program"],
  "packages": [
    {"SPDXID": "SPDXRef-Program", "name": "$name", "versionInfo": "$version", "downloadLocation": "NOASSERTION",
     "filesAnalyzed": false, "primaryPackagePurpose": "APPLICATION",
     "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
     "checksums": [{"algorithm": "SHA256", "checksumValue": "$checksum"}]}
JSON
format='${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n'
while IFS=$'\t' read -r package package_version architecture source source_version; do
  purl="pkg:deb/debian/$(purl_escape "$package")@$(purl_escape "$package_version")?arch=$architecture&distro=debian-12"
  cat <<JSON
    ,{"SPDXID": "SPDXRef-${package//[^A-Za-z0-9.-]/-}", "name": "$package", "versionInfo": "$package_version",
      "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
      "sourceInfo": "built from: $source $source_version",
      "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
      "comment": "/usr/share/doc/$package/copyright has the licences",
      "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
        "referenceLocator": "$purl"}]}
JSON
done < <(dpkg-query -W -f="$format" "$@" "${compiled_in[@]}")
echo '  ],'
echo '  "relationships": ['
echo '    {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",'
echo '     "relatedSpdxElement": "SPDXRef-Program"}'
relate() { # RELATIONSHIP PACKAGE…
  local package
  for package in "${@:2}"; do
    package=${package%%:*}
    printf '    ,{"spdxElementId": "SPDXRef-Program", "relationshipType": "%s", "relatedSpdxElement": "SPDXRef-%s"}\n' \
      "$1" "${package//[^A-Za-z0-9.-]/-}"
  done
}
relate DEPENDS_ON "$@"
relate STATIC_LINK "${compiled_in[@]}"
echo '  ]'
echo '}'
