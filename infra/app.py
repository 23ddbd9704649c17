"""All stacks of a deployment: ``python -m infra.app prod``, which is what the CDK command runs."""

from __future__ import annotations

import sys
from dataclasses import replace

from aws_cdk import App

from infra.settings import Deployment, deployment
from infra.stacks.base import Base
from infra.stacks.code import CodeOf, built
from infra.stacks.collector import Collector
from infra.stacks.cost import Cost
from infra.stacks.delivery import Delivery
from infra.stacks.drop import Drop
from infra.stacks.edge import Edge
from infra.stacks.functions import Functions
from infra.stacks.governance import Governance, governs
from infra.stacks.identity import Identity
from infra.stacks.lake import Lake
from infra.stacks.network import Network
from infra.stacks.observe import Observe
from infra.stacks.stores import Stores
from infra.stacks.stream import Stream
from infra.stacks.web import Web


def build(app: App, wanted: Deployment, code: CodeOf = built) -> None:
    """Add a deployment's stacks, in the order in which they need each other."""
    base = Base(app, wanted)
    key = base.key
    network = Network(app, wanted, key)
    identity = Identity(app, wanted)
    stores = Stores(app, wanted, key)
    lake = Lake(app, wanted, key, base.logs)
    stream = Stream(app, wanted, key)
    functions = Functions(app, wanted, key, code)
    for needed in (stores, lake, stream):
        functions.add_stack_dependency(needed)
    delivery = Delivery(app, wanted, key)
    delivery.add_stack_dependency(functions)
    web = Web(app, wanted, base, network.vpc, identity)
    web.add_stack_dependency(functions)
    collector = Collector(app, wanted, key)
    collector.add_stack_dependency(functions)
    Edge(app, wanted)
    if wanted.switches.drop:
        Drop(app, wanted, base)
    Observe(app, wanted, base, web, collector).add_stack_dependency(delivery)
    if governs(wanted):
        Governance(app, wanted, base).add_stack_dependency(delivery)
    Cost(app, wanted, base)


def main(arguments: list[str]) -> None:
    """Write the templates of the deployment that is named; a second word is the tag of the hosts' image."""
    app = App()
    name, *tags = arguments or ["dev"]
    wanted = deployment(name)
    if tags:
        wanted = replace(wanted, web=replace(wanted.web, image_tag=tags[0]))
    build(app, wanted)
    app.synth()


if __name__ == "__main__":
    main(sys.argv[1:])
