/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Device nodes by what they are good for. The private /dev has the standard nodes; these are bound
 * into it, where the host has them.
 */
#include "compile.h"

static const char *const gpu[] = {
        "/dev/dri",   /* Intel, AMD, and everything with a kernel driver */
        "/dev/kfd",   /* AMD compute */
        "/dev/dxg",   /* WSL2 */
        "/dev/mali0", /* ARM */
        "/dev/nvidiactl",
        "/dev/nvidia-modeset",
        "/dev/nvidia-uvm",
        "/dev/nvidia-uvm-tools",
        "/dev/nvidia-caps", /* MIG */
        "/dev/nvidia-caps-imex-channels",
        "/dev/nvidia0",
        "/dev/nvidia1",
        "/dev/nvidia2",
        "/dev/nvidia3",
        "/dev/nvidia4",
        "/dev/nvidia5",
        "/dev/nvidia6",
        "/dev/nvidia7",
        "/dev/nvidia8",
        "/dev/nvidia9",
        "/dev/nvidia10",
        "/dev/nvidia11",
        "/dev/nvidia12",
        "/dev/nvidia13",
        "/dev/nvidia14",
        "/dev/nvidia15", /* the largest machines that are sold have 16 */
};

static const char *const npu[] = {
        "/dev/accel",  /* the kernel's compute accelerators: Intel, AMD XDNA, Qualcomm, Habana */
        "/dev/apex_0", /* Coral */
        "/dev/hailo0",          "/dev/rknpu", /* Hailo, Rockchip */
        "/dev/davinci_manager", "/dev/davinci0", "/dev/devmm_svm", "/dev/hisi_hdc", /* Ascend */
        "/dev/neuron0",                                                             /* AWS */
};

static const char *const hardware[] = {
        "/dev/bus/usb", "/dev/usb",       "/dev/input",     "/dev/snd",       "/dev/video0",
        "/dev/video1",  "/dev/video2",    "/dev/video3",    "/dev/media0",    "/dev/media1",
        "/dev/serial",  "/dev/ttyUSB0",   "/dev/ttyUSB1",   "/dev/ttyUSB2",   "/dev/ttyUSB3",
        "/dev/ttyACM0", "/dev/ttyACM1",   "/dev/ttyACM2",   "/dev/ttyACM3",   "/dev/ttyS0",
        "/dev/hidraw0", "/dev/hidraw1",   "/dev/hidraw2",   "/dev/hidraw3",   "/dev/i2c-0",
        "/dev/i2c-1",   "/dev/spidev0.0", "/dev/gpiochip0", "/dev/gpiochip1", "/dev/kvm",
};

static const struct {
        size_t offset;
        const char *field;
        const char *const *nodes;
        size_t n;
} rows[] = {
#define DEVICES(member, nodes) \
        { offsetof(struct policy_security, member), "/security/" #member, nodes, ELEMENTSOF(nodes) }
        DEVICES(allow_gpu, gpu),
        DEVICES(allow_npu, npu),
        DEVICES(allow_hardware, hardware),
};

void compile_devices(struct compile *c) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (!compile_protects(c, rows[i].offset))
                        continue;
                for (size_t k = 0; k < rows[i].n; k++) {
                        const char *node = rows[i].nodes[k];
                        if (c->plan->native)
                                compile_list(c, &c->plan->write, node);
                        else
                                compile_mount(c, (struct plan_mount){ .kind = MOUNT_DEVICE,
                                                                      .source = node,
                                                                      .target = node,
                                                                      .optional = true,
                                                                      .field = rows[i].field });
                }
        }
}
