#pragma once
struct camera_fb_t;
void esp_camera_fb_return(camera_fb_t* frame);
