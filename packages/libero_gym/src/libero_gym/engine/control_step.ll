; libero_gym's control step in LLVM's language, for no processor in particular. Do not edit: scripts/control_step.py
; makes it of stepper.py, osc.py and gripper.py. numba 0.68.1, llvmlite 0.50.0.

define void @control_step(i64 %0) {
  %2 = inttoptr i64 %0 to ptr
  %3 = load i64, ptr %2, align 8
  %4 = getelementptr i8, ptr %2, i64 8
  %5 = load i64, ptr %4, align 8
  %6 = getelementptr i8, ptr %2, i64 16
  %7 = load i64, ptr %6, align 8
  %8 = getelementptr i8, ptr %2, i64 32
  %9 = load i64, ptr %8, align 8
  %10 = inttoptr i64 %9 to ptr
  %11 = getelementptr i8, ptr %2, i64 40
  %12 = load i64, ptr %11, align 8
  %13 = getelementptr i8, ptr %2, i64 48
  %14 = load i64, ptr %13, align 8
  %15 = inttoptr i64 %12 to ptr
  %16 = getelementptr i8, ptr %2, i64 56
  %17 = load i64, ptr %16, align 8
  %18 = getelementptr i8, ptr %2, i64 64
  %19 = load i64, ptr %18, align 8
  %20 = inttoptr i64 %17 to ptr
  %21 = getelementptr i8, ptr %2, i64 72
  %22 = load i64, ptr %21, align 8
  %23 = getelementptr i8, ptr %2, i64 80
  %24 = load i64, ptr %23, align 8
  %25 = inttoptr i64 %22 to ptr
  %26 = getelementptr i8, ptr %2, i64 120
  %27 = load i64, ptr %26, align 8
  %28 = getelementptr i8, ptr %2, i64 128
  %29 = load i64, ptr %28, align 8
  %30 = inttoptr i64 %27 to ptr
  %31 = getelementptr i8, ptr %2, i64 136
  %32 = load i64, ptr %31, align 8
  %33 = getelementptr i8, ptr %2, i64 144
  %34 = load i64, ptr %33, align 8
  %35 = inttoptr i64 %32 to ptr
  %36 = getelementptr i8, ptr %2, i64 152
  %37 = load i64, ptr %36, align 8
  %38 = inttoptr i64 %37 to ptr
  %39 = getelementptr i8, ptr %2, i64 168
  %40 = load i64, ptr %39, align 8
  %41 = inttoptr i64 %40 to ptr
  %42 = getelementptr i8, ptr %2, i64 184
  %43 = load i64, ptr %42, align 8
  %44 = getelementptr i8, ptr %2, i64 192
  %45 = load i64, ptr %44, align 8
  %46 = inttoptr i64 %43 to ptr
  %47 = getelementptr i8, ptr %2, i64 200
  %48 = load i64, ptr %47, align 8
  %49 = inttoptr i64 %48 to ptr
  %50 = getelementptr i8, ptr %2, i64 208
  %51 = load i64, ptr %50, align 8
  %52 = inttoptr i64 %51 to ptr
  %53 = getelementptr i8, ptr %2, i64 216
  %54 = load i64, ptr %53, align 8
  %55 = inttoptr i64 %54 to ptr
  %56 = getelementptr i8, ptr %2, i64 224
  %57 = load i64, ptr %56, align 8
  %58 = inttoptr i64 %57 to ptr
  %59 = getelementptr i8, ptr %2, i64 240
  %60 = load i64, ptr %59, align 8
  %61 = inttoptr i64 %60 to ptr
  %62 = getelementptr i8, ptr %2, i64 248
  %63 = load i64, ptr %62, align 8
  %64 = inttoptr i64 %63 to ptr
  %65 = getelementptr i8, ptr %2, i64 256
  %66 = load i64, ptr %65, align 8
  %67 = inttoptr i64 %66 to ptr
  %68 = getelementptr i8, ptr %2, i64 264
  %69 = load i64, ptr %68, align 8
  %70 = inttoptr i64 %69 to ptr
  %71 = getelementptr i8, ptr %2, i64 272
  %72 = load i64, ptr %71, align 8
  %73 = inttoptr i64 %72 to ptr
  %74 = getelementptr i8, ptr %2, i64 280
  %75 = load i64, ptr %74, align 8
  %76 = inttoptr i64 %75 to ptr
  %77 = getelementptr i8, ptr %2, i64 288
  %78 = load i64, ptr %77, align 8
  %79 = inttoptr i64 %78 to ptr
  %80 = getelementptr i8, ptr %2, i64 296
  %81 = load i64, ptr %80, align 8
  %82 = inttoptr i64 %81 to ptr
  %83 = getelementptr i8, ptr %2, i64 304
  %84 = load i64, ptr %83, align 8
  %85 = inttoptr i64 %84 to ptr
  %86 = getelementptr i8, ptr %2, i64 312
  %87 = load i64, ptr %86, align 8
  %88 = getelementptr i8, ptr %2, i64 320
  %89 = load i64, ptr %88, align 8
  %90 = getelementptr i8, ptr %2, i64 328
  %91 = load i64, ptr %90, align 8
  %92 = inttoptr i64 %89 to ptr
  %93 = getelementptr i8, ptr %2, i64 336
  %94 = load i64, ptr %93, align 8
  %95 = inttoptr i64 %94 to ptr
  %96 = getelementptr i8, ptr %2, i64 352
  %97 = load i64, ptr %96, align 8
  %98 = inttoptr i64 %97 to ptr
  %99 = getelementptr i8, ptr %2, i64 368
  %100 = load i64, ptr %99, align 8
  %101 = inttoptr i64 %100 to ptr
  %102 = getelementptr i8, ptr %2, i64 384
  %103 = load i64, ptr %102, align 8
  %104 = inttoptr i64 %103 to ptr
  %105 = getelementptr i8, ptr %2, i64 400
  %106 = load i64, ptr %105, align 8
  %107 = inttoptr i64 %106 to ptr
  %108 = getelementptr i8, ptr %2, i64 416
  %109 = load i64, ptr %108, align 8
  %110 = inttoptr i64 %109 to ptr
  %111 = getelementptr i8, ptr %2, i64 432
  %112 = load i64, ptr %111, align 8
  %113 = getelementptr i8, ptr %2, i64 440
  %114 = load i64, ptr %113, align 8
  %115 = inttoptr i64 %112 to ptr
  %116 = getelementptr i8, ptr %2, i64 448
  %117 = load i64, ptr %116, align 8
  %118 = inttoptr i64 %117 to ptr
  %119 = getelementptr i8, ptr %2, i64 456
  %120 = load i64, ptr %119, align 8
  %121 = inttoptr i64 %120 to ptr
  %122 = getelementptr i8, ptr %2, i64 464
  %123 = load i64, ptr %122, align 8
  %124 = inttoptr i64 %123 to ptr
  %125 = getelementptr i8, ptr %2, i64 472
  %126 = load i64, ptr %125, align 8
  %127 = inttoptr i64 %126 to ptr
  %128 = getelementptr i8, ptr %2, i64 480
  %129 = load i64, ptr %128, align 8
  %130 = inttoptr i64 %129 to ptr
  %131 = getelementptr i8, ptr %121, i64 56
  %132 = getelementptr i8, ptr %121, i64 112
  %133 = getelementptr i8, ptr %121, i64 168
  %134 = mul nsw i64 %114, 24
  %135 = add nsw i64 %134, %112
  %136 = icmp slt i64 %7, 1
  br i1 %136, label %1087, label %137
137:
  %138 = getelementptr i8, ptr %2, i64 232
  %139 = load i64, ptr %138, align 8
  %140 = getelementptr i8, ptr %2, i64 104
  %141 = load i64, ptr %140, align 8
  %142 = inttoptr i64 %141 to ptr
  %143 = getelementptr i8, ptr %2, i64 112
  %144 = load i64, ptr %143, align 8
  %145 = getelementptr i8, ptr %2, i64 88
  %146 = load i64, ptr %145, align 8
  %147 = inttoptr i64 %146 to ptr
  %148 = getelementptr i8, ptr %2, i64 96
  %149 = load i64, ptr %148, align 8
  %150 = getelementptr i8, ptr %2, i64 24
  %151 = load double, ptr %150, align 8
  %152 = icmp slt i64 %14, 1
  %153 = icmp slt i64 %19, 1
  %154 = icmp slt i64 %139, 0
  %155 = select i1 %154, i64 %144, i64 0
  %156 = add i64 %155, %139
  %157 = mul i64 %156, 72
  %158 = getelementptr i8, ptr %142, i64 %157
  %159 = select i1 %154, i64 %149, i64 0
  %160 = add i64 %159, %139
  %161 = mul i64 %160, 24
  %162 = getelementptr i8, ptr %147, i64 %161
  %163 = getelementptr i8, ptr %10, i64 24
  %164 = getelementptr i8, ptr %10, i64 32
  %165 = getelementptr i8, ptr %10, i64 40
  %166 = trunc i64 %139 to i32
  %167 = getelementptr i8, ptr %130, i64 1568
  %168 = getelementptr i8, ptr %130, i64 392
  %169 = getelementptr i8, ptr %130, i64 784
  %170 = getelementptr i8, ptr %130, i64 1176
  %171 = getelementptr i8, ptr %130, i64 1736
  %172 = getelementptr i8, ptr %130, i64 1680
  %173 = getelementptr i8, ptr %130, i64 1624
  %174 = getelementptr i8, ptr %10, i64 48
  %175 = fmul double %151, 1.000000e-02
  %176 = getelementptr i8, ptr %70, i64 8
  %177 = icmp slt i64 %91, 1
  br label %908
178:
  br i1 %152, label %179, label %913
179:
  br i1 %153, label %180, label %920
180:
  %181 = icmp ne i64 %910, %87
  %182 = select i1 %181, i1 true, i1 %152
  br i1 %182, label %183, label %927
183:
  %184 = load i64, ptr %85, align 8
  %185 = icmp slt i64 %184, 1
  br i1 %185, label %941, label %934
186:
  %187 = getelementptr double, ptr %73, i64 %943
  %188 = load double, ptr %187, align 8
  store double %188, ptr %951, align 8
  br label %189
189:
  %190 = icmp eq i64 %944, 12
  br i1 %190, label %191, label %942
191:
  %192 = icmp eq i64 %909, 0
  br i1 %192, label %289, label %341
193:
  %194 = load double, ptr %163, align 8
  %195 = fcmp olt double %194, -1.000000e+00
  %196 = select i1 %195, double -1.000000e+00, double %194
  %197 = fcmp ogt double %196, 1.000000e+00
  %198 = select i1 %197, double 1.000000e+00, double %196
  %199 = fmul double %198, 5.000000e-01
  %200 = load double, ptr %164, align 8
  %201 = fcmp olt double %200, -1.000000e+00
  %202 = select i1 %201, double -1.000000e+00, double %200
  %203 = fcmp ogt double %202, 1.000000e+00
  %204 = select i1 %203, double 1.000000e+00, double %202
  %205 = fmul double %204, 5.000000e-01
  %206 = load double, ptr %165, align 8
  %207 = fcmp olt double %206, -1.000000e+00
  %208 = select i1 %207, double -1.000000e+00, double %206
  %209 = fcmp ogt double %208, 1.000000e+00
  %210 = select i1 %209, double 1.000000e+00, double %208
  %211 = fmul double %210, 5.000000e-01
  %212 = fmul double %199, %199
  %213 = fmul double %205, %205
  %214 = fadd double %212, %213
  %215 = fmul double %211, %211
  %216 = fadd double %214, %215
  %217 = fcmp oeq double %216, 0.000000e+00
  br i1 %217, label %341, label %218
218:
  %219 = tail call double @llvm.sqrt.f64(double %216)
  %220 = fmul double %219, 5.000000e-01
  %221 = tail call double @llvm.sin.f64(double %220)
  %222 = tail call double @llvm.cos.f64(double %220)
  %223 = fptrunc double %222 to float
  %224 = fdiv double %199, %219
  %225 = fmul double %224, %221
  %226 = fptrunc double %225 to float
  %227 = fdiv double %205, %219
  %228 = fmul double %227, %221
  %229 = fptrunc double %228 to float
  %230 = fdiv double %211, %219
  %231 = fmul double %230, %221
  %232 = fptrunc double %231 to float
  %233 = fmul float %223, %223
  %234 = fpext float %233 to double
  %235 = fmul float %226, %226
  %236 = fpext float %235 to double
  %237 = fadd double %234, %236
  %238 = fmul float %229, %229
  %239 = fpext float %238 to double
  %240 = fadd double %237, %239
  %241 = fmul float %232, %232
  %242 = fpext float %241 to double
  %243 = fadd double %240, %242
  %244 = fptrunc double %243 to float
  %245 = fpext float %244 to double
  %246 = fdiv double 2.000000e+00, %245
  %247 = tail call double @llvm.sqrt.f64(double %246)
  %248 = fpext float %223 to double
  %249 = fmul double %247, %248
  %250 = fptrunc double %249 to float
  %251 = fpext float %226 to double
  %252 = fmul double %247, %251
  %253 = fptrunc double %252 to float
  %254 = fpext float %229 to double
  %255 = fmul double %247, %254
  %256 = fptrunc double %255 to float
  %257 = fpext float %232 to double
  %258 = fmul double %247, %257
  %259 = fptrunc double %258 to float
  %260 = fmul float %253, %253
  %261 = fpext float %260 to double
  %262 = fmul float %256, %256
  %263 = fpext float %262 to double
  %264 = fmul float %259, %259
  %265 = fpext float %264 to double
  %266 = fsub double 1.000000e+00, %263
  %267 = fsub double %266, %265
  %268 = fmul float %253, %256
  %269 = fmul float %259, %250
  %270 = fsub float %268, %269
  %271 = fpext float %270 to double
  %272 = fmul float %253, %259
  %273 = fmul float %256, %250
  %274 = fadd float %272, %273
  %275 = fpext float %274 to double
  %276 = fadd float %268, %269
  %277 = fpext float %276 to double
  %278 = fsub double 1.000000e+00, %261
  %279 = fsub double %278, %265
  %280 = fmul float %256, %259
  %281 = fmul float %253, %250
  %282 = fsub float %280, %281
  %283 = fpext float %282 to double
  %284 = fsub float %272, %273
  %285 = fpext float %284 to double
  %286 = fadd float %280, %281
  %287 = fpext float %286 to double
  %288 = fsub double %278, %263
  br label %304
289:
  %290 = phi i64 [ %291, %289 ], [ 0, %191 ]
  %291 = add nuw nsw i64 %290, 1
  %292 = getelementptr double, ptr %118, i64 %290
  %293 = load double, ptr %292, align 8
  %294 = getelementptr double, ptr %10, i64 %290
  %295 = load double, ptr %294, align 8
  %296 = fcmp olt double %295, -1.000000e+00
  %297 = select i1 %296, double -1.000000e+00, double %295
  %298 = fcmp ogt double %297, 1.000000e+00
  %299 = select i1 %298, double 1.000000e+00, double %297
  %300 = fmul double %299, 5.000000e-02
  %301 = fadd double %293, %300
  %302 = getelementptr double, ptr %64, i64 %290
  store double %301, ptr %302, align 8
  %303 = icmp eq i64 %291, 3
  br i1 %303, label %193, label %289
304:
  %305 = phi i64 [ 0, %218 ], [ %306, %304 ]
  %306 = add nuw nsw i64 %305, 1
  %307 = add nuw nsw i64 %305, 3
  %308 = getelementptr double, ptr %118, i64 %307
  %309 = load double, ptr %308, align 8
  %310 = fmul double %267, %309
  %311 = add nuw nsw i64 %305, 6
  %312 = getelementptr double, ptr %118, i64 %311
  %313 = load double, ptr %312, align 8
  %314 = fmul double %313, %271
  %315 = fadd double %310, %314
  %316 = getelementptr double, ptr %118, i64 %305
  %317 = getelementptr i8, ptr %316, i64 72
  %318 = load double, ptr %317, align 8
  %319 = fmul double %318, %275
  %320 = fadd double %315, %319
  %321 = getelementptr double, ptr %67, i64 %305
  store double %320, ptr %321, align 8
  %322 = load double, ptr %308, align 8
  %323 = fmul double %322, %277
  %324 = load double, ptr %312, align 8
  %325 = fmul double %279, %324
  %326 = fadd double %323, %325
  %327 = load double, ptr %317, align 8
  %328 = fmul double %327, %283
  %329 = fadd double %326, %328
  %330 = getelementptr double, ptr %67, i64 %307
  store double %329, ptr %330, align 8
  %331 = load double, ptr %308, align 8
  %332 = fmul double %331, %285
  %333 = load double, ptr %312, align 8
  %334 = fmul double %333, %287
  %335 = fadd double %332, %334
  %336 = load double, ptr %317, align 8
  %337 = fmul double %288, %336
  %338 = fadd double %335, %337
  %339 = getelementptr double, ptr %67, i64 %311
  store double %338, ptr %339, align 8
  %340 = icmp eq i64 %306, 3
  br i1 %340, label %341, label %304
341:
  call void @mj_jacSite(i64 %3, i64 %5, i64 %112, i64 %135, i32 %166)
  br label %954
343:
  %344 = add nuw nsw i64 %955, 1
  %345 = icmp sgt i64 %957, -1
  br i1 %345, label %346, label %379
346:
  %347 = getelementptr i32, ptr %38, i64 %957
  %348 = load i32, ptr %347, align 4
  %349 = sext i32 %348 to i64
  %350 = getelementptr double, ptr %127, i64 %955
  %351 = mul nuw nsw i64 %955, 56
  %352 = getelementptr i8, ptr %127, i64 %351
  br label %353
353:
  %354 = phi i64 [ %371, %370 ], [ %955, %346 ]
  %355 = phi i64 [ %375, %370 ], [ %957, %346 ]
  %356 = phi i64 [ %376, %370 ], [ %349, %346 ]
  %357 = getelementptr i64, ptr %52, i64 %354
  %358 = load i64, ptr %357, align 8
  %359 = icmp eq i64 %355, %358
  br i1 %359, label %360, label %370
360:
  %361 = icmp slt i64 %356, 0
  %362 = select i1 %361, i64 %29, i64 0
  %363 = getelementptr double, ptr %30, i64 %356
  %364 = getelementptr double, ptr %363, i64 %362
  %365 = load double, ptr %364, align 8
  %366 = getelementptr double, ptr %352, i64 %354
  store double %365, ptr %366, align 8
  %367 = mul i64 %354, 56
  %368 = getelementptr i8, ptr %350, i64 %367
  store double %365, ptr %368, align 8
  %369 = add nsw i64 %354, -1
  br label %370
370:
  %371 = phi i64 [ %369, %360 ], [ %354, %353 ]
  %372 = getelementptr i32, ptr %41, i64 %355
  %373 = load i32, ptr %372, align 4
  %374 = icmp sgt i32 %373, -1
  %375 = zext i32 %373 to i64
  %376 = add nsw i64 %356, 1
  %377 = icmp sgt i64 %371, -1
  %378 = select i1 %374, i1 %377, i1 false
  br i1 %378, label %353, label %379
379:
  %380 = icmp eq i64 %344, 7
  br i1 %380, label %381, label %954
381:
  %382 = load i64, ptr %82, align 8
  %383 = icmp eq i64 %382, 0
  br i1 %383, label %392, label %995
384:
  %385 = add nuw nsw i64 %996, 1
  %386 = icmp eq i64 %385, 7
  br i1 %386, label %391, label %995
387:
  %388 = mul nuw nsw i64 %996, 56
  %389 = getelementptr i8, ptr %79, i64 %388
  %390 = getelementptr i8, ptr %127, i64 %388
  br label %1011
391:
  store i64 0, ptr %82, align 8
  br label %392
392:
  br label %690
393:
  %394 = mul nuw nsw i64 %691, 56
  %395 = getelementptr i8, ptr %124, i64 %394
  %396 = getelementptr i8, ptr %395, i64 168
  br label %722
397:
  %398 = getelementptr double, ptr %64, i64 %691
  %399 = load double, ptr %398, align 8
  %400 = getelementptr double, ptr %118, i64 %691
  %401 = load double, ptr %400, align 8
  %402 = fsub double %399, %401
  %403 = fmul double %402, 1.500000e+02
  %404 = fmul double %732, 0x40387EB1990B697A
  %405 = fsub double %403, %404
  %406 = getelementptr double, ptr %167, i64 %691
  store double %405, ptr %406, align 8
  %407 = fmul double %720, 7.500000e+01
  %408 = fmul double %736, 0x40387EB1990B697A
  %409 = fsub double %407, %408
  %410 = getelementptr i8, ptr %406, i64 24
  store double %409, ptr %410, align 8
  br i1 %693, label %738, label %690
411:
  %412 = add nuw nsw i64 %739, 1
  %413 = icmp eq i64 %412, 7
  br i1 %413, label %430, label %738
414:
  %415 = add nuw nsw i64 %431, 1
  %416 = getelementptr double, ptr %433, i64 %431
  %417 = fcmp olt double %422, 1.000000e-30
  %418 = select i1 %417, double 1.000000e-30, double %422
  %419 = tail call double @llvm.sqrt.f64(double %418)
  store double %419, ptr %416, align 8
  %420 = icmp eq i64 %415, 7
  br i1 %420, label %750, label %430
421:
  %422 = phi double [ %438, %434 ], [ %452, %443 ]
  %423 = icmp eq i64 %431, %435
  br i1 %423, label %414, label %424
424:
  %425 = mul nuw nsw i64 %435, 56
  %426 = getelementptr i8, ptr %130, i64 %425
  %427 = getelementptr double, ptr %426, i64 %435
  %428 = load double, ptr %427, align 8
  %429 = fdiv double %422, %428
  store double %429, ptr %437, align 8
  br label %434
430:
  %431 = phi i64 [ %415, %414 ], [ 0, %411 ]
  %432 = mul nuw nsw i64 %431, 56
  %433 = getelementptr i8, ptr %130, i64 %432
  br label %434
434:
  %435 = phi i64 [ 0, %430 ], [ %436, %424 ]
  %436 = add nuw nsw i64 %435, 1
  %437 = getelementptr double, ptr %433, i64 %435
  %438 = load double, ptr %437, align 8
  %439 = icmp eq i64 %435, 0
  br i1 %439, label %421, label %440
440:
  %441 = mul nuw nsw i64 %435, 56
  %442 = getelementptr i8, ptr %130, i64 %441
  br label %443
443:
  %444 = phi double [ %438, %440 ], [ %452, %443 ]
  %445 = phi i64 [ 0, %440 ], [ %446, %443 ]
  %446 = add nuw nsw i64 %445, 1
  %447 = getelementptr double, ptr %433, i64 %445
  %448 = load double, ptr %447, align 8
  %449 = getelementptr double, ptr %442, i64 %445
  %450 = load double, ptr %449, align 8
  %451 = fmul double %448, %450
  %452 = fsub double %444, %451
  %453 = icmp eq i64 %446, %435
  br i1 %453, label %421, label %443
454:
  %455 = add nuw nsw i64 %751, 1
  %456 = icmp eq i64 %455, 6
  br i1 %456, label %776, label %750
457:
  %458 = phi i64 [ 0, %755 ], [ %762, %764 ]
  %459 = phi double [ %759, %755 ], [ %774, %764 ]
  %460 = getelementptr double, ptr %130, i64 %458
  %461 = getelementptr double, ptr %460, i64 %756
  %462 = load double, ptr %461, align 8
  %463 = fdiv double %459, %462
  %464 = getelementptr double, ptr %754, i64 %458
  store double %463, ptr %464, align 8
  %465 = icmp eq i64 %757, 7
  br i1 %465, label %454, label %755
466:
  %467 = add nuw nsw i64 %777, 1
  %468 = icmp eq i64 %467, 6
  br i1 %468, label %796, label %776
469:
  %470 = add nuw nsw i64 %782, 1
  %471 = getelementptr double, ptr %780, i64 %782
  store double %794, ptr %471, align 8
  %472 = mul nuw nsw i64 %782, 56
  %473 = getelementptr i8, ptr %778, i64 %472
  store double %794, ptr %473, align 8
  %474 = icmp eq i64 %782, %777
  br i1 %474, label %466, label %781
475:
  br i1 %797, label %796, label %821
476:
  %477 = add nuw nsw i64 %801, 1
  %478 = getelementptr double, ptr %167, i64 %802
  %479 = load double, ptr %478, align 8
  %480 = getelementptr double, ptr %171, i64 %801
  store double %479, ptr %480, align 8
  %481 = icmp eq i64 %477, 3
  br i1 %481, label %498, label %800
482:
  %483 = add nuw nsw i64 %499, 1
  %484 = getelementptr double, ptr %501, i64 %499
  %485 = fcmp olt double %490, 1.000000e-30
  %486 = select i1 %485, double 1.000000e-30, double %490
  %487 = tail call double @llvm.sqrt.f64(double %486)
  store double %487, ptr %484, align 8
  %488 = icmp eq i64 %483, 3
  br i1 %488, label %540, label %498
489:
  %490 = phi double [ %506, %502 ], [ %520, %511 ]
  %491 = icmp eq i64 %499, %503
  br i1 %491, label %482, label %492
492:
  %493 = mul nuw nsw i64 %503, 56
  %494 = getelementptr i8, ptr %170, i64 %493
  %495 = getelementptr double, ptr %494, i64 %503
  %496 = load double, ptr %495, align 8
  %497 = fdiv double %490, %496
  store double %497, ptr %505, align 8
  br label %502
498:
  %499 = phi i64 [ %483, %482 ], [ 0, %476 ]
  %500 = mul nuw nsw i64 %499, 56
  %501 = getelementptr i8, ptr %170, i64 %500
  br label %502
502:
  %503 = phi i64 [ 0, %498 ], [ %504, %492 ]
  %504 = add nuw nsw i64 %503, 1
  %505 = getelementptr double, ptr %501, i64 %503
  %506 = load double, ptr %505, align 8
  %507 = icmp eq i64 %503, 0
  br i1 %507, label %489, label %508
508:
  %509 = mul nuw nsw i64 %503, 56
  %510 = getelementptr i8, ptr %170, i64 %509
  br label %511
511:
  %512 = phi double [ %506, %508 ], [ %520, %511 ]
  %513 = phi i64 [ 0, %508 ], [ %514, %511 ]
  %514 = add nuw nsw i64 %513, 1
  %515 = getelementptr double, ptr %501, i64 %513
  %516 = load double, ptr %515, align 8
  %517 = getelementptr double, ptr %510, i64 %513
  %518 = load double, ptr %517, align 8
  %519 = fmul double %516, %518
  %520 = fsub double %512, %519
  %521 = icmp eq i64 %514, %503
  br i1 %521, label %489, label %511
522:
  %523 = phi i64 [ 0, %540 ], [ %547, %549 ]
  %524 = phi double [ %544, %540 ], [ %558, %549 ]
  %525 = getelementptr double, ptr %170, i64 %523
  %526 = getelementptr double, ptr %525, i64 %541
  %527 = load double, ptr %526, align 8
  %528 = fdiv double %524, %527
  store double %528, ptr %543, align 8
  %529 = icmp eq i64 %542, 3
  br i1 %529, label %560, label %540
530:
  %531 = phi double [ %566, %560 ], [ %580, %570 ]
  %532 = mul nuw nsw i64 %562, 56
  %533 = getelementptr i8, ptr %170, i64 %532
  %534 = getelementptr double, ptr %533, i64 %562
  %535 = load double, ptr %534, align 8
  %536 = fdiv double %531, %535
  store double %536, ptr %565, align 8
  %537 = icmp ugt i64 %561, 1
  br i1 %537, label %560, label %538
538:
  %539 = getelementptr double, ptr %167, i64 %798
  br label %814
540:
  %541 = phi i64 [ %542, %522 ], [ 0, %482 ]
  %542 = add nuw nsw i64 %541, 1
  %543 = getelementptr double, ptr %171, i64 %541
  %544 = load double, ptr %543, align 8
  %545 = icmp eq i64 %541, 0
  br i1 %545, label %522, label %546
546:
  %547 = mul nuw nsw i64 %541, 7
  %548 = getelementptr double, ptr %170, i64 %547
  br label %549
549:
  %550 = phi double [ %544, %546 ], [ %558, %549 ]
  %551 = phi i64 [ 0, %546 ], [ %552, %549 ]
  %552 = add nuw nsw i64 %551, 1
  %553 = getelementptr double, ptr %548, i64 %551
  %554 = load double, ptr %553, align 8
  %555 = getelementptr double, ptr %171, i64 %551
  %556 = load double, ptr %555, align 8
  %557 = fmul double %554, %556
  %558 = fsub double %550, %557
  %559 = icmp eq i64 %552, %541
  br i1 %559, label %522, label %549
560:
  %561 = phi i64 [ %563, %530 ], [ 3, %522 ]
  %562 = phi i64 [ %564, %530 ], [ 2, %522 ]
  %563 = add nsw i64 %561, -1
  %564 = add nsw i64 %562, -1
  %565 = getelementptr double, ptr %171, i64 %562
  %566 = load double, ptr %565, align 8
  %567 = icmp eq i64 %562, 2
  br i1 %567, label %530, label %568
568:
  %569 = getelementptr double, ptr %170, i64 %562
  br label %570
570:
  %571 = phi double [ %566, %568 ], [ %580, %570 ]
  %572 = phi i64 [ %562, %568 ], [ %573, %570 ]
  %573 = add nuw nsw i64 %572, 1
  %574 = mul i64 %573, 56
  %575 = getelementptr i8, ptr %569, i64 %574
  %576 = load double, ptr %575, align 8
  %577 = getelementptr double, ptr %171, i64 %573
  %578 = load double, ptr %577, align 8
  %579 = fmul double %576, %578
  %580 = fsub double %571, %579
  %581 = icmp eq i64 %573, 2
  br i1 %581, label %530, label %570
582:
  %583 = add nuw nsw i64 %837, 1
  %584 = icmp eq i64 %583, 6
  br i1 %584, label %601, label %836
585:
  %586 = add nuw nsw i64 %602, 1
  %587 = getelementptr double, ptr %604, i64 %602
  %588 = fcmp olt double %593, 1.000000e-30
  %589 = select i1 %588, double 1.000000e-30, double %593
  %590 = tail call double @llvm.sqrt.f64(double %589)
  store double %590, ptr %587, align 8
  %591 = icmp eq i64 %586, 6
  br i1 %591, label %641, label %601
592:
  %593 = phi double [ %609, %605 ], [ %623, %614 ]
  %594 = icmp eq i64 %602, %606
  br i1 %594, label %585, label %595
595:
  %596 = mul nuw nsw i64 %606, 56
  %597 = getelementptr i8, ptr %169, i64 %596
  %598 = getelementptr double, ptr %597, i64 %606
  %599 = load double, ptr %598, align 8
  %600 = fdiv double %593, %599
  store double %600, ptr %608, align 8
  br label %605
601:
  %602 = phi i64 [ %586, %585 ], [ 0, %582 ]
  %603 = mul nuw nsw i64 %602, 56
  %604 = getelementptr i8, ptr %169, i64 %603
  br label %605
605:
  %606 = phi i64 [ 0, %601 ], [ %607, %595 ]
  %607 = add nuw nsw i64 %606, 1
  %608 = getelementptr double, ptr %604, i64 %606
  %609 = load double, ptr %608, align 8
  %610 = icmp eq i64 %606, 0
  br i1 %610, label %592, label %611
611:
  %612 = mul nuw nsw i64 %606, 56
  %613 = getelementptr i8, ptr %169, i64 %612
  br label %614
614:
  %615 = phi double [ %609, %611 ], [ %623, %614 ]
  %616 = phi i64 [ 0, %611 ], [ %617, %614 ]
  %617 = add nuw nsw i64 %616, 1
  %618 = getelementptr double, ptr %604, i64 %616
  %619 = load double, ptr %618, align 8
  %620 = getelementptr double, ptr %613, i64 %616
  %621 = load double, ptr %620, align 8
  %622 = fmul double %619, %621
  %623 = fsub double %615, %622
  %624 = icmp eq i64 %617, %606
  br i1 %624, label %592, label %614
625:
  %626 = phi i64 [ 0, %641 ], [ %648, %650 ]
  %627 = phi double [ %645, %641 ], [ %659, %650 ]
  %628 = getelementptr double, ptr %169, i64 %626
  %629 = getelementptr double, ptr %628, i64 %642
  %630 = load double, ptr %629, align 8
  %631 = fdiv double %627, %630
  store double %631, ptr %644, align 8
  %632 = icmp eq i64 %643, 6
  br i1 %632, label %661, label %641
633:
  %634 = phi double [ %667, %661 ], [ %681, %671 ]
  %635 = mul nuw nsw i64 %663, 56
  %636 = getelementptr i8, ptr %169, i64 %635
  %637 = getelementptr double, ptr %636, i64 %663
  %638 = load double, ptr %637, align 8
  %639 = fdiv double %634, %638
  store double %639, ptr %666, align 8
  %640 = icmp ugt i64 %662, 1
  br i1 %640, label %661, label %852
641:
  %642 = phi i64 [ %643, %625 ], [ 0, %585 ]
  %643 = add nuw nsw i64 %642, 1
  %644 = getelementptr double, ptr %173, i64 %642
  %645 = load double, ptr %644, align 8
  %646 = icmp eq i64 %642, 0
  br i1 %646, label %625, label %647
647:
  %648 = mul nuw nsw i64 %642, 7
  %649 = getelementptr double, ptr %169, i64 %648
  br label %650
650:
  %651 = phi double [ %645, %647 ], [ %659, %650 ]
  %652 = phi i64 [ 0, %647 ], [ %653, %650 ]
  %653 = add nuw nsw i64 %652, 1
  %654 = getelementptr double, ptr %649, i64 %652
  %655 = load double, ptr %654, align 8
  %656 = getelementptr double, ptr %173, i64 %652
  %657 = load double, ptr %656, align 8
  %658 = fmul double %655, %657
  %659 = fsub double %651, %658
  %660 = icmp eq i64 %653, %642
  br i1 %660, label %625, label %650
661:
  %662 = phi i64 [ %664, %633 ], [ 6, %625 ]
  %663 = phi i64 [ %665, %633 ], [ 5, %625 ]
  %664 = add nsw i64 %662, -1
  %665 = add nsw i64 %663, -1
  %666 = getelementptr double, ptr %173, i64 %663
  %667 = load double, ptr %666, align 8
  %668 = icmp eq i64 %663, 5
  br i1 %668, label %633, label %669
669:
  %670 = getelementptr double, ptr %169, i64 %663
  br label %671
671:
  %672 = phi double [ %667, %669 ], [ %681, %671 ]
  %673 = phi i64 [ %663, %669 ], [ %674, %671 ]
  %674 = add nuw nsw i64 %673, 1
  %675 = mul i64 %674, 56
  %676 = getelementptr i8, ptr %670, i64 %675
  %677 = load double, ptr %676, align 8
  %678 = getelementptr double, ptr %173, i64 %674
  %679 = load double, ptr %678, align 8
  %680 = fmul double %677, %679
  %681 = fsub double %672, %680
  %682 = icmp eq i64 %674, 5
  br i1 %682, label %633, label %671
683:
  %684 = mul nuw nsw i64 %853, 56
  %685 = getelementptr i8, ptr %127, i64 %684
  br label %872
686:
  %687 = add nuw nsw i64 %853, 1
  %688 = getelementptr double, ptr %133, i64 %853
  store double %881, ptr %688, align 8
  %689 = icmp eq i64 %687, 7
  br i1 %689, label %1018, label %852
690:
  %691 = phi i64 [ %692, %397 ], [ 0, %392 ]
  %692 = add nuw nsw i64 %691, 1
  %693 = icmp eq i64 %692, 3
  %694 = add nuw nsw i64 %691, 2
  %695 = urem i64 %694, 3
  %696 = mul nuw nsw i64 %692, 3
  %697 = select i1 %693, i64 0, i64 %696
  %698 = mul nuw nsw i64 %695, 3
  %699 = getelementptr double, ptr %118, i64 %697
  %700 = getelementptr i8, ptr %699, i64 24
  %701 = getelementptr double, ptr %67, i64 %698
  %702 = getelementptr double, ptr %118, i64 %698
  %703 = getelementptr i8, ptr %702, i64 24
  %704 = getelementptr double, ptr %67, i64 %697
  br label %705
705:
  %706 = phi double [ 0.000000e+00, %690 ], [ %720, %705 ]
  %707 = phi i64 [ 0, %690 ], [ %708, %705 ]
  %708 = add nuw nsw i64 %707, 1
  %709 = getelementptr double, ptr %700, i64 %707
  %710 = load double, ptr %709, align 8
  %711 = getelementptr double, ptr %701, i64 %707
  %712 = load double, ptr %711, align 8
  %713 = fmul double %710, %712
  %714 = getelementptr double, ptr %703, i64 %707
  %715 = load double, ptr %714, align 8
  %716 = getelementptr double, ptr %704, i64 %707
  %717 = load double, ptr %716, align 8
  %718 = fmul double %715, %717
  %719 = fsub double %713, %718
  %720 = fadd double %706, %719
  %721 = icmp eq i64 %708, 3
  br i1 %721, label %393, label %705
722:
  %723 = phi double [ 0.000000e+00, %393 ], [ %736, %722 ]
  %724 = phi double [ 0.000000e+00, %393 ], [ %732, %722 ]
  %725 = phi i64 [ 0, %393 ], [ %726, %722 ]
  %726 = add nuw nsw i64 %725, 1
  %727 = getelementptr double, ptr %395, i64 %725
  %728 = load double, ptr %727, align 8
  %729 = getelementptr double, ptr %131, i64 %725
  %730 = load double, ptr %729, align 8
  %731 = fmul double %728, %730
  %732 = fadd double %724, %731
  %733 = getelementptr double, ptr %396, i64 %725
  %734 = load double, ptr %733, align 8
  %735 = fmul double %730, %734
  %736 = fadd double %723, %735
  %737 = icmp eq i64 %726, 7
  br i1 %737, label %397, label %722
738:
  %739 = phi i64 [ %412, %411 ], [ 0, %397 ]
  %740 = mul nuw nsw i64 %739, 56
  %741 = getelementptr i8, ptr %127, i64 %740
  %742 = getelementptr i8, ptr %130, i64 %740
  br label %743
743:
  %744 = phi i64 [ 0, %738 ], [ %745, %743 ]
  %745 = add nuw nsw i64 %744, 1
  %746 = getelementptr double, ptr %741, i64 %744
  %747 = load double, ptr %746, align 8
  %748 = getelementptr double, ptr %742, i64 %744
  store double %747, ptr %748, align 8
  %749 = icmp eq i64 %745, 7
  br i1 %749, label %411, label %743
750:
  %751 = phi i64 [ %455, %454 ], [ 0, %414 ]
  %752 = mul nuw nsw i64 %751, 56
  %753 = getelementptr i8, ptr %124, i64 %752
  %754 = getelementptr double, ptr %168, i64 %751
  br label %755
755:
  %756 = phi i64 [ 0, %750 ], [ %757, %457 ]
  %757 = add nuw nsw i64 %756, 1
  %758 = getelementptr double, ptr %753, i64 %756
  %759 = load double, ptr %758, align 8
  %760 = icmp eq i64 %756, 0
  br i1 %760, label %457, label %761
761:
  %762 = mul nuw nsw i64 %756, 7
  %763 = getelementptr double, ptr %130, i64 %762
  br label %764
764:
  %765 = phi double [ %759, %761 ], [ %774, %764 ]
  %766 = phi i64 [ 0, %761 ], [ %767, %764 ]
  %767 = add nuw nsw i64 %766, 1
  %768 = getelementptr double, ptr %763, i64 %766
  %769 = load double, ptr %768, align 8
  %770 = mul nuw nsw i64 %766, 56
  %771 = getelementptr i8, ptr %754, i64 %770
  %772 = load double, ptr %771, align 8
  %773 = fmul double %769, %772
  %774 = fsub double %765, %773
  %775 = icmp eq i64 %767, %756
  br i1 %775, label %457, label %764
776:
  %777 = phi i64 [ %467, %466 ], [ 0, %454 ]
  %778 = getelementptr double, ptr %169, i64 %777
  %779 = mul nuw nsw i64 %777, 56
  %780 = getelementptr i8, ptr %169, i64 %779
  br label %781
781:
  %782 = phi i64 [ 0, %776 ], [ %470, %469 ]
  br label %783
783:
  %784 = phi double [ 0.000000e+00, %781 ], [ %794, %783 ]
  %785 = phi i64 [ 0, %781 ], [ %786, %783 ]
  %786 = add nuw nsw i64 %785, 1
  %787 = mul nuw nsw i64 %785, 56
  %788 = getelementptr i8, ptr %168, i64 %787
  %789 = getelementptr double, ptr %788, i64 %777
  %790 = load double, ptr %789, align 8
  %791 = getelementptr double, ptr %788, i64 %782
  %792 = load double, ptr %791, align 8
  %793 = fmul double %790, %792
  %794 = fadd double %784, %793
  %795 = icmp eq i64 %786, 7
  br i1 %795, label %469, label %783
796:
  %797 = phi i1 [ false, %475 ], [ true, %466 ]
  %798 = phi i64 [ 3, %475 ], [ 0, %466 ]
  %799 = getelementptr double, ptr %169, i64 %798
  br label %800
800:
  %801 = phi i64 [ 0, %796 ], [ %477, %476 ]
  %802 = add nuw nsw i64 %801, %798
  %803 = mul nuw nsw i64 %801, 56
  %804 = getelementptr i8, ptr %170, i64 %803
  %805 = mul nuw nsw i64 %802, 56
  %806 = getelementptr i8, ptr %799, i64 %805
  br label %807
807:
  %808 = phi i64 [ 0, %800 ], [ %809, %807 ]
  %809 = add nuw nsw i64 %808, 1
  %810 = getelementptr double, ptr %806, i64 %808
  %811 = load double, ptr %810, align 8
  %812 = getelementptr double, ptr %804, i64 %808
  store double %811, ptr %812, align 8
  %813 = icmp eq i64 %809, 3
  br i1 %813, label %476, label %807
814:
  %815 = phi i64 [ %816, %814 ], [ 0, %538 ]
  %816 = add nuw nsw i64 %815, 1
  %817 = getelementptr double, ptr %171, i64 %815
  %818 = load double, ptr %817, align 8
  %819 = getelementptr double, ptr %539, i64 %815
  store double %818, ptr %819, align 8
  %820 = icmp eq i64 %816, 3
  br i1 %820, label %475, label %814
821:
  %822 = phi i64 [ %823, %821 ], [ 0, %475 ]
  %823 = add nuw nsw i64 %822, 1
  %824 = getelementptr double, ptr %61, i64 %822
  %825 = load double, ptr %824, align 8
  %826 = getelementptr double, ptr %121, i64 %822
  %827 = load double, ptr %826, align 8
  %828 = fsub double %825, %827
  %829 = fmul double %828, 1.000000e+01
  %830 = getelementptr double, ptr %131, i64 %822
  %831 = load double, ptr %830, align 8
  %832 = fmul double %831, 0x40194C583ADA5B53
  %833 = fsub double %829, %832
  %834 = getelementptr double, ptr %172, i64 %822
  store double %833, ptr %834, align 8
  %835 = icmp eq i64 %823, 7
  br i1 %835, label %836, label %821
836:
  %837 = phi i64 [ %583, %582 ], [ 0, %821 ]
  %838 = getelementptr double, ptr %173, i64 %837
  %839 = mul nuw nsw i64 %837, 56
  %840 = getelementptr i8, ptr %124, i64 %839
  store double 0.000000e+00, ptr %838, align 8
  br label %841
841:
  %842 = phi i64 [ 0, %836 ], [ %844, %841 ]
  %843 = phi double [ 0.000000e+00, %836 ], [ %850, %841 ]
  %844 = add nuw nsw i64 %842, 1
  %845 = getelementptr double, ptr %840, i64 %842
  %846 = load double, ptr %845, align 8
  %847 = getelementptr double, ptr %172, i64 %842
  %848 = load double, ptr %847, align 8
  %849 = fmul double %846, %848
  %850 = fadd double %843, %849
  store double %850, ptr %838, align 8
  %851 = icmp eq i64 %844, 7
  br i1 %851, label %582, label %841
852:
  %853 = phi i64 [ %687, %686 ], [ 0, %633 ]
  %854 = getelementptr double, ptr %132, i64 %853
  %855 = load double, ptr %854, align 8
  %856 = getelementptr double, ptr %124, i64 %853
  br label %857
857:
  %858 = phi double [ %855, %852 ], [ %870, %857 ]
  %859 = phi i64 [ 0, %852 ], [ %860, %857 ]
  %860 = add nuw nsw i64 %859, 1
  %861 = mul nuw nsw i64 %859, 56
  %862 = getelementptr i8, ptr %856, i64 %861
  %863 = load double, ptr %862, align 8
  %864 = getelementptr double, ptr %167, i64 %859
  %865 = load double, ptr %864, align 8
  %866 = getelementptr double, ptr %173, i64 %859
  %867 = load double, ptr %866, align 8
  %868 = fsub double %865, %867
  %869 = fmul double %863, %868
  %870 = fadd double %858, %869
  %871 = icmp eq i64 %860, 6
  br i1 %871, label %683, label %857
872:
  %873 = phi double [ %870, %683 ], [ %881, %872 ]
  %874 = phi i64 [ 0, %683 ], [ %875, %872 ]
  %875 = add nuw nsw i64 %874, 1
  %876 = getelementptr double, ptr %685, i64 %874
  %877 = load double, ptr %876, align 8
  %878 = getelementptr double, ptr %172, i64 %874
  %879 = load double, ptr %878, align 8
  %880 = fmul double %877, %879
  %881 = fadd double %873, %880
  %882 = icmp eq i64 %875, 7
  br i1 %882, label %686, label %872
883:
  %884 = load double, ptr %174, align 8
  %885 = fcmp ogt double %884, 0.000000e+00
  %886 = fcmp olt double %884, 0.000000e+00
  %887 = select i1 %886, double -1.000000e+00, double %884
  %888 = select i1 %885, double 1.000000e+00, double %887
  %889 = fmul double %175, %888
  %890 = load double, ptr %70, align 8
  %891 = fsub double %890, %889
  %892 = fcmp olt double %891, -1.000000e+00
  %893 = select i1 %892, double -1.000000e+00, double %891
  %894 = fcmp ogt double %893, 1.000000e+00
  %895 = select i1 %894, double 1.000000e+00, double %893
  store double %895, ptr %70, align 8
  %896 = load double, ptr %176, align 8
  %897 = fadd double %896, %889
  %898 = fcmp olt double %897, -1.000000e+00
  %899 = select i1 %898, double -1.000000e+00, double %897
  %900 = fcmp ogt double %899, 1.000000e+00
  %901 = select i1 %900, double 1.000000e+00, double %899
  store double %901, ptr %176, align 8
  br label %1041
902:
  call void @mj_step2(i64 %3, i64 %5)
  br i1 %181, label %907, label %904
904:
  br i1 %177, label %905, label %1066
905:
  br i1 %152, label %906, label %1073
906:
  br i1 %153, label %907, label %1080
907:
  br i1 %912, label %1087, label %908
908:
  %909 = phi i64 [ 0, %137 ], [ %910, %907 ]
  %910 = add nuw nsw i64 %909, 1
  call void @mj_step1(i64 %3, i64 %5)
  %912 = icmp eq i64 %910, %7
  br i1 %912, label %178, label %180
913:
  %914 = phi i64 [ %915, %913 ], [ 0, %178 ]
  %915 = add nuw nsw i64 %914, 1
  %916 = getelementptr double, ptr %15, i64 %914
  %917 = load double, ptr %916, align 8
  %918 = getelementptr double, ptr %104, i64 %914
  store double %917, ptr %918, align 8
  %919 = icmp eq i64 %14, %915
  br i1 %919, label %179, label %913
920:
  %921 = phi i64 [ %922, %920 ], [ 0, %179 ]
  %922 = add nuw nsw i64 %921, 1
  %923 = getelementptr double, ptr %20, i64 %921
  %924 = load double, ptr %923, align 8
  %925 = getelementptr double, ptr %107, i64 %921
  store double %924, ptr %925, align 8
  %926 = icmp eq i64 %19, %922
  br i1 %926, label %180, label %920
927:
  %928 = phi i64 [ %929, %927 ], [ 0, %180 ]
  %929 = add nuw nsw i64 %928, 1
  %930 = getelementptr double, ptr %15, i64 %928
  %931 = load double, ptr %930, align 8
  %932 = getelementptr double, ptr %110, i64 %928
  store double %931, ptr %932, align 8
  %933 = icmp eq i64 %14, %929
  br i1 %933, label %183, label %927
934:
  %935 = phi i64 [ %936, %934 ], [ %184, %183 ]
  %936 = add nsw i64 %935, -1
  call void @mj_fwdActuation(i64 %3, i64 %5)
  call void @mj_fwdAcceleration(i64 %3, i64 %5)
  call void @mj_fwdConstraint(i64 %3, i64 %5)
  %940 = icmp ugt i64 %935, 1
  br i1 %940, label %934, label %941
941:
  br label %942
942:
  %943 = phi i64 [ %944, %189 ], [ 0, %941 ]
  %944 = add nuw nsw i64 %943, 1
  %945 = icmp ult i64 %943, 3
  %946 = getelementptr double, ptr %162, i64 %943
  %947 = getelementptr double, ptr %158, i64 %943
  %948 = getelementptr i8, ptr %947, i64 -24
  %949 = select i1 %945, ptr %946, ptr %948
  %950 = load double, ptr %949, align 8
  %951 = getelementptr double, ptr %118, i64 %943
  store double %950, ptr %951, align 8
  %952 = load i64, ptr %82, align 8
  %953 = icmp eq i64 %952, 0
  br i1 %953, label %189, label %186
954:
  %955 = phi i64 [ 0, %341 ], [ %344, %379 ]
  %956 = getelementptr i64, ptr %52, i64 %955
  %957 = load i64, ptr %956, align 8
  %958 = getelementptr i64, ptr %49, i64 %955
  %959 = load i64, ptr %958, align 8
  %960 = icmp slt i64 %959, 0
  %961 = select i1 %960, i64 %14, i64 0
  %962 = getelementptr double, ptr %15, i64 %959
  %963 = getelementptr double, ptr %962, i64 %961
  %964 = load double, ptr %963, align 8
  %965 = icmp slt i64 %957, 0
  %966 = select i1 %965, i64 %19, i64 0
  %967 = getelementptr double, ptr %20, i64 %957
  %968 = getelementptr double, ptr %967, i64 %966
  %969 = load double, ptr %968, align 8
  %970 = select i1 %965, i64 %34, i64 0
  %971 = getelementptr double, ptr %35, i64 %957
  %972 = getelementptr double, ptr %971, i64 %970
  %973 = load double, ptr %972, align 8
  %974 = getelementptr double, ptr %121, i64 %955
  store double %964, ptr %974, align 8
  %975 = getelementptr double, ptr %131, i64 %955
  store double %969, ptr %975, align 8
  %976 = getelementptr double, ptr %132, i64 %955
  store double %973, ptr %976, align 8
  %977 = select i1 %965, i64 %114, i64 0
  %978 = getelementptr double, ptr %115, i64 %977
  %979 = getelementptr double, ptr %978, i64 %957
  %980 = getelementptr double, ptr %124, i64 %955
  br label %981
981:
  %982 = phi i64 [ 0, %954 ], [ %983, %981 ]
  %983 = add nuw nsw i64 %982, 1
  %984 = mul i64 %982, %114
  %985 = getelementptr double, ptr %979, i64 %984
  %986 = load double, ptr %985, align 8
  %987 = mul nuw nsw i64 %982, 56
  %988 = getelementptr i8, ptr %980, i64 %987
  store double %986, ptr %988, align 8
  %989 = add nuw nsw i64 %982, 3
  %990 = mul i64 %989, %114
  %991 = getelementptr double, ptr %979, i64 %990
  %992 = load double, ptr %991, align 8
  %993 = getelementptr i8, ptr %988, i64 168
  store double %992, ptr %993, align 8
  %994 = icmp eq i64 %983, 3
  br i1 %994, label %343, label %981
995:
  %996 = phi i64 [ %385, %384 ], [ 0, %381 ]
  %997 = getelementptr double, ptr %61, i64 %996
  %998 = load double, ptr %997, align 8
  %999 = getelementptr double, ptr %121, i64 %996
  store double %998, ptr %999, align 8
  %1000 = getelementptr double, ptr %131, i64 %996
  store double 0.000000e+00, ptr %1000, align 8
  %1001 = getelementptr double, ptr %76, i64 %996
  %1002 = getelementptr double, ptr %124, i64 %996
  br label %1003
1003:
  %1004 = phi i64 [ 0, %995 ], [ %1005, %1003 ]
  %1005 = add nuw nsw i64 %1004, 1
  %1006 = mul nuw nsw i64 %1004, 56
  %1007 = getelementptr i8, ptr %1001, i64 %1006
  %1008 = load double, ptr %1007, align 8
  %1009 = getelementptr i8, ptr %1002, i64 %1006
  store double %1008, ptr %1009, align 8
  %1010 = icmp eq i64 %1005, 6
  br i1 %1010, label %387, label %1003
1011:
  %1012 = phi i64 [ 0, %387 ], [ %1013, %1011 ]
  %1013 = add nuw nsw i64 %1012, 1
  %1014 = getelementptr double, ptr %389, i64 %1012
  %1015 = load double, ptr %1014, align 8
  %1016 = getelementptr double, ptr %390, i64 %1012
  store double %1015, ptr %1016, align 8
  %1017 = icmp eq i64 %1013, 7
  br i1 %1017, label %384, label %1011
1018:
  %1019 = phi i64 [ %1020, %1018 ], [ 0, %686 ]
  %1020 = add nuw nsw i64 %1019, 1
  %1021 = getelementptr i64, ptr %55, i64 %1019
  %1022 = load i64, ptr %1021, align 8
  %1023 = getelementptr double, ptr %133, i64 %1019
  %1024 = load double, ptr %1023, align 8
  %1025 = icmp slt i64 %1022, 0
  %1026 = select i1 %1025, i64 %45, i64 0
  %1027 = add i64 %1026, %1022
  %1028 = shl i64 %1027, 4
  %1029 = getelementptr i8, ptr %46, i64 %1028
  %1030 = load double, ptr %1029, align 8
  %1031 = fcmp ogt double %1030, %1024
  %1032 = select i1 %1031, double %1030, double %1024
  %1033 = getelementptr i8, ptr %1029, i64 8
  %1034 = load double, ptr %1033, align 8
  %1035 = fcmp olt double %1034, %1032
  %1036 = select i1 %1035, double %1034, double %1032
  %1037 = select i1 %1025, i64 %24, i64 0
  %1038 = getelementptr double, ptr %25, i64 %1022
  %1039 = getelementptr double, ptr %1038, i64 %1037
  store double %1036, ptr %1039, align 8
  %1040 = icmp eq i64 %1020, 7
  br i1 %1040, label %883, label %1018
1041:
  %1042 = phi i64 [ 0, %883 ], [ %1043, %1041 ]
  %1043 = add nuw nsw i64 %1042, 1
  %1044 = getelementptr i64, ptr %58, i64 %1042
  %1045 = load i64, ptr %1044, align 8
  %1046 = icmp slt i64 %1045, 0
  %1047 = select i1 %1046, i64 %45, i64 0
  %1048 = add i64 %1047, %1045
  %1049 = shl i64 %1048, 4
  %1050 = getelementptr i8, ptr %46, i64 %1049
  %1051 = load double, ptr %1050, align 8
  %1052 = getelementptr i8, ptr %1050, i64 8
  %1053 = load double, ptr %1052, align 8
  %1054 = fadd double %1051, %1053
  %1055 = fmul double %1054, 5.000000e-01
  %1056 = fsub double %1053, %1051
  %1057 = fmul double %1056, 5.000000e-01
  %1058 = getelementptr double, ptr %70, i64 %1042
  %1059 = load double, ptr %1058, align 8
  %1060 = fmul double %1059, %1057
  %1061 = fadd double %1055, %1060
  %1062 = select i1 %1046, i64 %24, i64 0
  %1063 = getelementptr double, ptr %25, i64 %1045
  %1064 = getelementptr double, ptr %1063, i64 %1062
  store double %1061, ptr %1064, align 8
  %1065 = icmp eq i64 %1043, 2
  br i1 %1065, label %902, label %1041
1066:
  %1067 = phi i64 [ %1068, %1066 ], [ 0, %904 ]
  %1068 = add nuw nsw i64 %1067, 1
  %1069 = getelementptr double, ptr %92, i64 %1067
  %1070 = load double, ptr %1069, align 8
  %1071 = getelementptr double, ptr %95, i64 %1067
  store double %1070, ptr %1071, align 8
  %1072 = icmp eq i64 %91, %1068
  br i1 %1072, label %905, label %1066
1073:
  %1074 = phi i64 [ %1075, %1073 ], [ 0, %905 ]
  %1075 = add nuw nsw i64 %1074, 1
  %1076 = getelementptr double, ptr %15, i64 %1074
  %1077 = load double, ptr %1076, align 8
  %1078 = getelementptr double, ptr %98, i64 %1074
  store double %1077, ptr %1078, align 8
  %1079 = icmp eq i64 %14, %1075
  br i1 %1079, label %906, label %1073
1080:
  %1081 = phi i64 [ %1082, %1080 ], [ 0, %906 ]
  %1082 = add nuw nsw i64 %1081, 1
  %1083 = getelementptr double, ptr %20, i64 %1081
  %1084 = load double, ptr %1083, align 8
  %1085 = getelementptr double, ptr %101, i64 %1081
  store double %1084, ptr %1085, align 8
  %1086 = icmp eq i64 %19, %1082
  br i1 %1086, label %907, label %1080
1087:
  ret void
}
declare void @mj_step1(i64, i64)
declare void @mj_fwdActuation(i64, i64)
declare void @mj_fwdAcceleration(i64, i64)
declare void @mj_fwdConstraint(i64, i64)
declare void @mj_jacSite(i64, i64, i64, i64, i32)
declare void @mj_step2(i64, i64)
declare double @llvm.sqrt.f64(double)
declare double @llvm.sin.f64(double)
declare double @llvm.cos.f64(double)
