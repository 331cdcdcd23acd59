const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

export const nodeMajor = major;

/** Whether this Node lets several processes listen on one port. */
export const canReusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
