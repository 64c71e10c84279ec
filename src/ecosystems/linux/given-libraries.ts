/** Of the C library itself, glibc's and musl's, and what the kernel maps: the tags of a wheel answer for these. */
const LIBC =
  /^(?:lib(?:anl|c|dl|m|mvec|nsl|nss_\w+|pthread|resolv|rt|thread_db|util)\.so\.\d|ld-linux-[\w-]+\.so\.\d|libc\.so|libc\.musl-\w+\.so\.1|ld-musl-\w+\.so\.1|linux-vdso\.so\.1)$/;

/**
 * Of the graphics driver: they fit the kernel's module, so no image has them, and the container runtime mounts the
 * host's. (NVIDIA Container Toolkit, libnvidia-container, `nvc_info.c`: utility, compute, video, graphics, OptiX)
 */
const DRIVER =
  /^(?:lib(?:cuda|cudadebugger|nvcuvid|nvoptix|vdpau_nvidia|EGL_nvidia|GLX_nvidia|GLESv1_CM_nvidia|GLESv2_nvidia)\.so(?:\.\d+)*|libnvidia-[\w-]+\.so(?:\.\d+)*)$/;

/** Whether a library is there in any image that its user could load it in, though no package of the image has it. */
export function isGivenLibrary(name: string): boolean {
  return LIBC.test(name) || DRIVER.test(name);
}
