"""The bill of materials of an application and its model: CycloneDX 1.6, with what was read and nothing else.

https://cyclonedx.org/docs/1.6/json/; a model is a component of the type `machine-learning-model` with a card. What
is not known is left out of the document but for the model card, where it is said.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from airworthy.core.model import ModelInfo
from airworthy.environment.audit.judgement import Vulnerability
from airworthy.environment.audit.policy import license_of
from airworthy.environment.graphs.model import DependencyGraph, DependencyNode
from airworthy.environment.lockfile import LockedPackage

NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
"""The namespace of the serial number, which is made from the content: the same content gives the same document."""
UNKNOWN = "unknown"
"""What a model card says where a file does not."""


def sbom(
    graph: DependencyGraph,
    *,
    application: str,
    version: str = "",
    program: str,
    locked: Iterable[LockedPackage] = (),
    licenses: Mapping[str, str] | None = None,
    model: ModelInfo | None = None,
    hashes: Mapping[str, str] | None = None,
    vulnerabilities: Sequence[Vulnerability] = (),
    purls: Mapping[str, str] | None = None,
) -> str:
    """The document as JSON.

    Args:
        graph: packages, native libraries, drivers and the edges between them.
        application: the name of what they make up.
        version: its version.
        program: the version of this program.
        locked: the lock, whose files' hashes are in the document.
        licenses: the licence of each package as its metadata names it.
        model: the model that it serves.
        hashes: the SHA-256 of each of the model's files, by their paths in it.
        vulnerabilities: what an audit found.
        purls: node of the graph → package URL that the builder of a wheel recorded.
    """
    files = {each.name: each for each in locked}
    nodes = {node.id: node for node in graph.nodes if node.label != "Missing"}
    components = [
        _component(node, files.get(node.name), (licenses or {}).get(node.name, ""), (purls or {}).get(key, ""))
        for key, node in nodes.items()
    ]
    edges: dict[str, list[str]] = {key: [] for key in nodes}
    for edge in graph.edges:
        if edge.source in nodes and edge.target in nodes:
            edges[edge.source].append(edge.target)
    root = f"application:{application}"
    top = [node.id for node in nodes.values() if node.root]
    if model is not None:
        components.append(_model(model, hashes or {}))
        top.append(f"model:{model.name}")
        edges[f"model:{model.name}"] = []
    about: dict[str, Any] = {"type": "application", "bom-ref": root, "name": application}
    if version:
        about["version"] = version
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "airworthy", "version": program}]},
            "component": about,
        },
        "components": sorted(components, key=lambda each: str(each["bom-ref"])),
        "dependencies": [
            {"ref": root, "dependsOn": sorted(top)},
            *({"ref": key, "dependsOn": sorted(set(targets))} for key, targets in sorted(edges.items())),
        ],
    }
    if vulnerabilities:
        document["vulnerabilities"] = [_vulnerability(each) for each in vulnerabilities]
    content = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(NAMESPACE, content)}"
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{quote(name)}@{quote(version)}"


def _component(node: DependencyNode, locked: LockedPackage | None, license_: str, purl: str) -> dict[str, Any]:
    kinds = {"Driver": "device-driver", "Device": "device"}
    made: dict[str, Any] = {"type": kinds.get(node.label, "library"), "bom-ref": node.id, "name": node.name}
    if node.version:
        made["version"] = node.version
    if node.label == "Package" and node.version and " | " not in node.version:
        made["purl"] = _purl(node.name, node.version)
    elif purl.startswith("pkg:"):
        made["purl"] = purl
    if license_:
        expression = license_of(license_)
        made["licenses"] = [{"expression": expression}] if expression else [{"license": {"name": license_[:200]}}]
    if locked is not None and (locked.wheels or locked.sdist):
        made["externalReferences"] = [
            {
                "type": "distribution",
                "url": file.url,
                "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            }
            for file in (*locked.wheels, *((locked.sdist,) if locked.sdist else ()))
            if len(file.sha256) == 64
        ]
    return made


def _model(model: ModelInfo, hashes: Mapping[str, str]) -> dict[str, Any]:
    """The model with its card: what the headers say; what they do not is said to be unknown."""

    def shapes(tensors: Sequence[Any]) -> list[dict[str, str]]:
        return [{"format": f"{each.name}: {each.datatype}{list(each.shape)}"} for each in tensors]

    parameters: dict[str, Any] = {
        "task": model.task or UNKNOWN,
        "architectureFamily": model.architecture or UNKNOWN,
        "modelArchitecture": model.architecture or UNKNOWN,
    }
    if model.inputs:
        parameters["inputs"] = shapes(model.inputs)
    if model.outputs:
        parameters["outputs"] = shapes(model.outputs)
    facts = {
        "format": model.format,
        "parameters": model.parameters,
        "tensors": model.tensors,
        "quantization": model.quantization or None,
        "producer": model.producer or None,
        "bytes": model.size,
        "signer": model.signer or None,
    }
    made: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{model.name}",
        "name": model.name,
        "modelCard": {"modelParameters": parameters},
        "properties": [
            {"name": f"airworthy:{key}", "value": str(value)} for key, value in facts.items() if value is not None
        ],
        "components": [
            {
                "type": "file",
                "bom-ref": f"model:{model.name}/{file.path}",
                "name": file.path,
                **({"hashes": [{"alg": "SHA-256", "content": hashes[file.path]}]} if file.path in hashes else {}),
            }
            for file in model.files
        ],
    }
    if len(model.files) == 1 and model.files[0].path in hashes:
        made["hashes"] = [{"alg": "SHA-256", "content": hashes[model.files[0].path]}]
    expression = license_of(model.license) if model.license else ""
    if model.license:
        made["licenses"] = [{"expression": expression}] if expression else [{"license": {"name": model.license[:200]}}]
    return made


def _vulnerability(each: Vulnerability) -> dict[str, Any]:
    made: dict[str, Any] = {
        "bom-ref": f"vulnerability:{each.package}/{each.id}",
        "id": each.id,
        "references": [{"id": name, "source": {"name": name.partition("-")[0]}} for name in each.aliases],
        "affects": [{"ref": f"package:{each.package}", "versions": [{"version": each.version, "status": "affected"}]}],
    }
    severity = {"CRITICAL": "critical", "HIGH": "high", "MODERATE": "medium", "MEDIUM": "medium", "LOW": "low"}
    made["ratings"] = [{"severity": severity.get(each.severity, "unknown")}]
    if each.summary:
        made["description"] = each.summary
    if each.fixed:
        made["recommendation"] = f"{each.package}>={each.fixed}"
    if each.suppressed:
        made["analysis"] = {"state": "not_affected", "detail": each.suppressed}
    return made
