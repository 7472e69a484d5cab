"""`instance_types`: facts about instance types that are too new for the table that comes with the package."""

from cdk_intersystems.model.instance_types import Architecture, InstanceType

from .section import Number, Section, Switch, key


class StatedInstanceType(Section):
    """The facts of one instance type, from AWS's own page about it."""

    architecture: Architecture = key("Architecture of its processors.", example="x86_64")
    vcpus: Number = key("Number of vCPUs.", example=16, ge=1)
    memory_gib: Number = key("Memory, in GiB.", example=128, ge=1)
    nitro: Switch = key("Whether it stands on the Nitro System.", default=True, example=True)
    ebs_optimized: Switch = key("Whether it can be launched EBS-optimized.", default=True, example=True)
    dedicated_hosts: Switch = key("Whether it can be launched on a Dedicated Host.", default=True, example=True)
    instance_store_gb: Number = key("Total of its instance store, in GB; 0 without one.", default=0, example=0, ge=0)

    def facts(self) -> InstanceType:
        """The facts as the model has them."""
        return InstanceType(
            architecture=self.architecture,
            vcpus=self.vcpus,
            memory_mib=self.memory_gib * 1024,
            nitro=self.nitro,
            ebs_optimized=self.ebs_optimized,
            dedicated_hosts=self.dedicated_hosts,
            instance_store_gb=self.instance_store_gb,
        )
