"""Whose an object is that has the name of one of our children.

Server-side apply with force would take over whatever carries a child's name, and garbage
collection would remove it with the service. So what is not ours by the uid of its owner is left
alone, unless somebody has handed it over on the object itself.
"""

from typing import Any

from pd_operator.api.names import ANNOTATION_ADOPT, KIND

Object = dict[str, Any]


def objection(stored: Object, manifest: Object) -> str | None:
    """Why an object that is there must not be taken for the child `manifest`; None where it may.

    The sentence names the object and the ways out.
    """
    metadata = stored["metadata"]
    owners = metadata.get("ownerReferences") or ()
    (us,) = manifest["metadata"]["ownerReferences"]
    if any(owner["uid"] == us["uid"] for owner in owners):
        return None
    what = f"{stored['kind']} {metadata['name']}"
    controller = next((owner for owner in owners if owner.get("controller")), None)
    if controller is not None:
        return _of_another(what, controller, us["name"])
    if (metadata.get("annotations") or {}).get(ANNOTATION_ADOPT) == us["name"]:
        return None
    return (
        f"{what} is there already and is not this {KIND}'s, so nothing of it is changed. Give the "
        f"{KIND} another name, or hand the object over, to be changed and to be deleted with it: "
        f"kubectl annotate {stored['kind'].lower()} {metadata['name']} "
        f"--namespace {metadata['namespace']} {ANNOTATION_ADOPT}={us['name']}"
    )


def _of_another(what: str, controller: Object, our_name: str) -> str:
    if (controller["kind"], controller["name"]) == (KIND, our_name):
        return f"{what} belongs to a deleted {KIND} of this name and has to be gone first."
    return (
        f"{what} belongs to {controller['kind']} {controller['name']}, so nothing of it is "
        f"changed. Give this {KIND} another name, or delete {controller['kind']} "
        f"{controller['name']}: this one waits until {what} is gone."
    )
