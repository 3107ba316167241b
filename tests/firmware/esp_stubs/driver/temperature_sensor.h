#pragma once
using temperature_sensor_handle_t = struct temperature_sensor*;
