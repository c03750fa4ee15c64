"""What every component shares: its type token, its children's options and their Name tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi


class Component(pulumi.ComponentResource):
    """A group of resources under one name; children are called `name` or `name-suffix`."""

    def __init__(self, kind: str, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"modeshift:components:{kind}", name, None, opts)
        self.name = name

    def child_name(self, suffix: str = "") -> str:
        """Return the logical name of a child."""
        return f"{self.name}-{suffix}" if suffix else self.name

    def opts(
        self,
        *,
        depends_on: Sequence[pulumi.Resource] = (),
        ignore_changes: Sequence[str] = (),
        protect: bool | None = None,
        retain: bool | None = None,
        delete_before_replace: bool | None = None,
        import_id: str | None = None,
    ) -> pulumi.ResourceOptions:
        """Return options that parent a child to this component.

        `import_id` takes over an existing resource, which is then never deleted: it is older than its stack.
        """
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=list(depends_on) or None,
            ignore_changes=list(ignore_changes) or None,
            protect=protect,
            retain_on_delete=True if import_id is not None else retain,
            delete_before_replace=delete_before_replace,
            import_=import_id,
        )

    def tags(self, suffix: str = "", extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a child's own tags; the stack's tags come from the provider's default tags."""
        return {"Name": self.child_name(suffix), **(extra or {})}
