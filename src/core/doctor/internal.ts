/** Interfaces that containers and virtual machines make for themselves: nobody knocks there. */
export const INTERNAL = /^(docker|br-|veth|podman|cni|cali|flannel|virbr|vnet|lxc|lxd|tap)/
