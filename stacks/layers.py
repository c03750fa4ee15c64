"""How four layers become one: library default < manifest < environment profile < stack file, each with its origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stacks.catalog import Catalog
from stacks.keys import Json, Path, dotted, holds
from stacks.profiles import Profile
from stacks.settings import StackSettings

LIBRARY = "library default"


def merge(base: Mapping[str, Json], over: Mapping[str, Json]) -> dict[str, Json]:
    """Lay `over` upon `base`: blocks merge key by key, everything else, lists included, replaces."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def library_services() -> dict[str, Json]:
    """Return the services of a stack that lists none."""
    field = StackSettings.model_fields["services"].get_default(call_default_factory=True)
    return {name: service.model_dump(mode="json", by_alias=True, exclude_unset=True) for name, service in field.items()}


@dataclass(frozen=True)
class Layers:
    """A stack's profile and what its file gives, before validation; `source` names the file.

    `catalog` holds the manifests of the services, where there is an app to ask.
    """

    profile: Profile
    given: dict[str, Json]
    source: str
    catalog: Catalog | None = None

    def merged(self) -> dict[str, Json]:
        """Return the layers above the library's defaults as one tree.

        A file that lists services names all of them; each starts from its manifest and from what the profile sets on
        every service.
        """
        tree = merge(self.profile.stack_layer(), self.given)
        listed = self.services()
        if isinstance(listed, dict):
            tree["services"] = {name: self._service(name, own) for name, own in listed.items()}
        return tree

    def services(self) -> Json:
        """Return the services that the file lists; the library's where it lists none."""
        return self.given.get("services", dict.fromkeys(library_services()))

    def manifest(self, service: str) -> dict[str, Json]:
        """Return what a service starts from: its manifest, or the library where there is no app to ask."""
        if self.catalog is not None:
            return self.catalog.layer(service)
        known = library_services().get(service)
        return known if isinstance(known, dict) else {}

    def _service(self, name: str, own: Json) -> Json:
        given = {} if own is None else own
        if not isinstance(given, dict):
            return given
        # Where there are triggers there is a worker, whether anybody says how big it is or not.
        manifest = self.manifest(name)
        start: dict[str, Json] = {"worker": {}} if "triggers" in {**manifest, **given} else {}
        base = merge(merge(start, manifest), self.profile.service_layer())
        return merge(merge(base, self._links(name, given)), given)

    def _links(self, name: str, own: Json) -> dict[str, Json]:
        """Return what the profile sets on a service's links, each by its kind."""
        links = merge(self.manifest(name), _block(own)).get("links")
        found = {link: self.profile.link_layer(_block(said).get("kind")) for link, said in _block(links).items()}
        return {"links": dict(found)} if any(found.values()) else {}

    def origin(self, path: Path) -> str:
        """Return the layer that a setting's value comes from."""
        if holds(self.given, path):
            return self.source
        if self._in_profile(path):
            return f"profile {self.profile.name}"
        return self.manifest_of(path) or LIBRARY

    def manifest_of(self, path: Path) -> str:
        """Return the manifest that sets a setting unless a later layer does, or nothing where none does."""
        if self.catalog is None or path[0] != "services" or not path[2:]:
            return ""
        folder = self.catalog.folders.get(str(path[1]))
        return folder.source if folder is not None and holds(self.manifest(str(path[1])), path[2:]) else ""

    def _in_profile(self, path: Path) -> bool:
        if path[0] == "services":
            name = str(path[1])
            links = self._links(name, _block(self.services()).get(name))
            return holds(merge(self.profile.service_layer(), links), path[2:])
        return holds(self.profile.stack_layer(), path)


def _block(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def leaves(tree: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Yield every setting of a tree with its path; a list and an empty block are one setting each."""
    if isinstance(tree, dict) and (tree or not path):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, tree


def origins(layers: Layers, settings: StackSettings) -> dict[str, str]:
    """Return the origin of every setting by its key."""
    tree: Json = settings.model_dump(mode="json", by_alias=True)
    return {dotted(path): layers.origin(path) for path, _ in leaves(tree)}
