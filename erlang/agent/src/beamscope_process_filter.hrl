%% Which of very many processes pass filters, and with what value. To be included behind beamscope_listing.hrl and
%% beamscope_process_facts.hrl, in front of the first function.

-include("beamscope_callback.hrl").
-include("beamscope_pattern.hrl").

%% Characters of a label that are printed to search them.
-define(PRINTED, 256).

-type key() :: memory | reductions | message_queue_len | total_heap_size.
%% What values are ordered by. Bytes for `memory', words for `total_heap_size'.

-type name() :: registered_name | initial_call | module | application | status | label.
%% What values are ordered by that are no figures. `module': of the callback, or of the function that a process was
%% spawned with. What has no name, or belongs to no application, has the value `[]', which is greater than any atom. A
%% label has the value `{Label}', cut where it is large, and what has none `[]', which is greater than any tuple. What a
%% process is, or its label, may not be read where the queue is long or the heap large: its value is `[unread]' then, the
%% greatest of all.

-type existing() :: atom() | binary().
%% A name as an atom, or as a binary, which is never made into a new atom: where there is none, the call raises
%% `{unknown_atom, Binary}'.

-type filters() :: #{
    %% A process with more messages than this is not asked for its memory, total heap size or label.
    long_queue := non_neg_integer(),
    %% All of the rest must hold.
    %% Part of the registered name, in any case.
    name => binary(),
    %% Of the current function, the initial call or the callback in `$initial_call'; that last before OTP 26.2 only
    %% where the queue is short and the heap not too large.
    module => existing(),
    %% That the callback module says it has, or that is the callback module itself; names for the same thing. A
    %% gen_server is known by what it waits in, too: a supervisor whose callback could not be read is taken for one. An
    %% Agent and a Task of Elixir are known by what these leave, see `of_elixir'.
    behaviours => [existing(), ...],
    %% The callback, or the function that it was spawned with.
    initial_call => {existing(), existing(), arity()},
    %% Of the group leader.
    application => existing(),
    %% These processes and no others. Not together with `name'.
    pids => [pid()],
    status => atom(),
    %% Finds something in the label, see `beamscope_pattern.hrl', as the first 256 characters that `~0tp' or `~0p' makes of it. From OTP 26.2 on, and where
    %% the queue is short and the heap is not large.
    label => binary(),
    min_memory => non_neg_integer(),
    min_message_queue_len => non_neg_integer(),
    min_reductions => non_neg_integer()
}.
%% `name' and `pids' say which processes are looked at (`population' of beamscope_process_scan.hrl), the others which of
%% those pass.

%% What is asked of each process within bounds, worked out once.
plan(#{sort := Sort, long_queue := LongQueue} = Spec, #{until := Until}) ->
    ReadsKeys = reads_keys(),
    Ranks = lists:member(Sort, [memory, total_heap_size]),
    Labels = ReadsKeys andalso is_map_key(label, Spec),
    Walks = Ranks orelse Labels orelse is_map_key(min_memory, Spec),
    Conditions = conditions(Spec),
    Calls = calls(Spec),
    Places = [places(Ways, ReadsKeys) || Ways <- Calls],
    Alternatives = [Conditions ++ Place || Place <- lists:foldl(fun both/2, [[]], Places)],
    %% An atom is greater than any number: where nothing walks a queue, none is too long.
    Longest = hd([LongQueue || Walks] ++ [infinity]),
    Spec#{
        filters =>
            [sieve(Longest, Alternatives) || Walks orelse Alternatives =/= [[]]] ++
                [at_least(memory, Least) || #{min_memory := Least} <- [Spec]],
        guard => [sieve(LongQueue, [[]]) || Ranks],
        rank => rank(Sort, ReadsKeys),
        reads_keys => ReadsKeys,
        gate => gate(),
        until => Until,
        calls => [called_as(Calls) || Calls =/= [], not ReadsKeys]
    }.

%% What the filters ask, as `{Item, Pattern, Guards}' of a match specification. '$1' and '$2' are taken by `sieve'.
conditions(Spec) ->
    [{status, '$3', [{'=:=', '$3', {const, Status}}]} || #{status := Status} <- [Spec]] ++
        [{group_leader, '$4', [{'=:=', '$4', {const, leader(Name)}}]} || #{application := Name} <- [Spec]] ++
        [{message_queue_len, '$5', [{'>=', '$5', Least}]} || #{min_message_queue_len := Least} <- [Spec]] ++
        [{reductions, '$6', [{'>=', '$6', Least}]} || #{min_reductions := Least} <- [Spec]].

leader(Application) ->
    application_controller:get_master(existing(Application)).

%% What the filters ask of functions that a process names: of each filter the ways in which it can hold, as conditions
%% `{Place, Pattern, Guards}'. A process names functions in three places, of which `callback' is in its dictionary, as
%% `callers' is, for whom it works.
calls(Spec) ->
    [
        in([current_function, initial_call, callback], {'$7', '_', '_'}, [{'=:=', '$7', {const, existing(Module)}}]) ++
            [
                [{callback, {Keeper, '$7', '_'}, [{'=:=', '$7', {const, existing(Module)}}]}]
             || Keeper <- keepers()
            ]
     || #{module := Module} <- [Spec]
    ] ++
        [behaving(known(Names)) || #{behaviours := Names} <- [Spec]] ++
        [
            in([initial_call, callback], '$9', [{'=:=', '$9', {const, {existing(Module), existing(Function), Arity}}}])
         || #{initial_call := {Module, Function, Arity}} <- [Spec]
        ].

in(Places, Pattern, Guards) -> [[{Place, Pattern, Guards}] || Place <- Places].

%% Those names that are atoms here; one has to be.
known([First | _] = Names) ->
    case [Atom || Name <- Names, Atom <- known_atom(Name)] of
        [] -> existing(First);
        Known -> Known
    end.

known_atom(Name) ->
    try
        [existing(Name)]
    catch
        error:{unknown_atom, _} -> []
    end.

%% The callback of a supervisor is as `keepers' has it, and that of what calls itself a supervisor, too: a
%% supervisor is no gen_server to those who look for one, although its module is. What waits as a gen_server is one,
%% whatever its callback: that of an Agent of Elixir is the function which it was started with.
behaving(Behaviours) ->
    Modules = [Module || Module <- erlang:loaded(), behaves(Module, Behaviours)] -- keepers(),
    Set = maps:from_list([{Module, true} || Module <- Behaviours ++ Modules]),
    Guards = [{is_map_key, '$8', {const, Set}}],
    Others = [{'=/=', '$8', Keeper} || Keeper <- keepers()],
    in([callback], {'$8', '_', '_'}, Guards) ++
        case lists:member(gen_server, Behaviours) of
            true -> [[{current_function, {gen_server, '_', '_'}, []}, {callback, {'$8', '_', '_'}, Others}]];
            false -> [[{callback, {Keeper, '$8', '_'}, Guards}] || Keeper <- keepers()]
        end ++ lists:append(lists:map(fun of_elixir/1, Behaviours)).

%% The ways to know what Elixir starts with a function of the user's, and puts that in the place of its own callback
%% (agent/server.ex and task/supervised.ex of Elixir 1.14). An Agent waits as a gen_server, and its function has no
%% arguments if it was started with a fun; so may a gen_server that was begun elsewhere (`enter_loop'), but mostly in a
%% function of its module, which has its callbacks: one that was begun in a fun is taken for an Agent. The name of a fun has a dash in front. A Task keeps for whom it works, as
%% servers may that do it for somebody's test or socket: these wait as gen_servers, or have begun in their `init/1'.
of_elixir('Elixir.Agent') ->
    Servers = maps:from_list([{Module, true} || Module <- erlang:loaded(), erlang:function_exported(Module, handle_call, 3)]),
    IsFun = {'andalso', {'>=', '$10', '-'}, {'<', '$10', '.'}},
    IsElsewhere = {'not', {is_map_key, '$8', {const, Servers}}},
    Guards = [{is_atom, '$8'}, {is_atom, '$10'}, {'orelse', IsFun, IsElsewhere}],
    [[{current_function, {gen_server, '_', '_'}, []}, {callback, {'$8', '$10', 0}, Guards}]];
of_elixir('Elixir.Task') ->
    [
        [
            {current_function, {'$8', '_', '_'}, [{'=/=', '$8', gen_server}]},
            {callback, {'_', '$10', '$11'}, [{'orelse', {'=/=', '$10', init}, {'=/=', '$11', 1}}]},
            {callers, '$12', [{is_list, '$12'}]}
        ]
    ];
of_elixir(_) ->
    [].

%% A BIF that loads nothing, and raises `badarg' where the module has been unloaded.
behaves(Module, Behaviours) ->
    Attributes =
        try
            erlang:get_module_info(Module, attributes)
        catch
            error:badarg -> []
        end,
    Said = [Of || {Key, Of} <- Attributes, Key =:= behaviour orelse Key =:= behavior],
    Said =/= [] andalso lists:append(Said) -- Behaviours =/= lists:append(Said).

%% Two filters hold where one of the places of each does.
both(Places, Others) -> [Other ++ Place || Other <- Others, Place <- Places].

%% The ways in which a filter can hold, as conditions on items of `process_info'.
places(Ways, ReadsKeys) ->
    Asked = [[place(Place, Pattern, Guards, ReadsKeys) || {Place, Pattern, Guards} <- Way] || Way <- Ways],
    alternatives(Asked, lists:usort([Item || Way <- Asked, {Item, _, _} <- Way])).

place(callback, Pattern, Guards, true) -> {{dictionary, '$initial_call'}, Pattern, Guards};
place(callers, Pattern, Guards, true) -> {{dictionary, '$callers'}, Pattern, Guards};
%% Without single keys, `called' looks into the dictionaries of all that `proc_lib' has started.
place(Kept, _, _, false) when Kept =:= callback; Kept =:= callers -> {initial_call, {proc_lib, init_p, '_'}, []};
place(Item, Pattern, Guards, _) -> {Item, Pattern, Guards}.

%% The same conditions with all other items left open.
alternatives(Ways, Items) ->
    [
        [
            case lists:keyfind(Item, 1, Way) of
                false -> {Item, '_', []};
                Condition -> Condition
            end
         || Item <- Items
        ]
     || Way <- Ways
    ].

%% How often a process has to say what it names, and which answers pass: for `called'.
called_as(Calls) ->
    Places = [current_function, initial_call, callback, callers],
    Ways = lists:foldl(fun both/2, [[]], [alternatives(Call, Places) || Call <- Calls]),
    Asked = [lists:unzip3(Way) || Way <- Ways],
    Answers = [
        {{'$1', lists:zip(Items, Patterns)}, lists:append(Guards), ['$1']}
     || {Items, Patterns, Guards} <- Asked
    ],
    {length(Calls), ets:match_spec_compile(Answers)}.

%% A question for all processes, and what to make of the answers: the pid of a process that passes,
%% `{Messages, Pid}' of one that would, but for its long queue, and `gone' for one that has ended.
sieve(LongQueue, Alternatives) ->
    Asked = [lists:unzip3([{message_queue_len, '$2', []} | Alternative]) || Alternative <- Alternatives],
    Heads = [{{'$1', lists:zip(Items, Patterns)}, lists:append(Guards)} || {Items, Patterns, Guards} <- Asked],
    Answers =
        [{Head, [{'=<', '$2', LongQueue} | Guards], ['$1']} || {Head, Guards} <- Heads] ++
            [{Head, Guards, [{{'$2', '$1'}}]} || {Head, Guards} <- Heads] ++
            [{{'_', undefined}, [], [gone]}],
    {element(1, hd(Asked)), ets:match_spec_compile(Answers)}.

%% A question for all processes that turns pids into `{Value, Pid}'. For the pid itself any question will do.
rank(pid, _) ->
    {status, ets:match_spec_compile([{{'$1', {status, '_'}}, [], [{{'$1', '$1'}}]}])};
rank(registered_name, _) ->
    {[registered_name], ets:match_spec_compile([{{'$1', [{'_', '$2'}]}, [], [{{'$2', '$1'}}]}])};
rank(initial_call, true) ->
    Said = [{'_', '_'}, {'_', {'$3', '$4', '$5'}}],
    Calls = [
        {{'$1', Said}, [{is_atom, '$3'}, {is_atom, '$4'}, {is_integer, '$5'}], [{{{{'$3', '$4', '$5'}}, '$1'}}]},
        {{'$1', [{'_', '$2'}, '_']}, [], [{{'$2', '$1'}}]}
    ],
    {[initial_call, {dictionary, '$initial_call'}], ets:match_spec_compile(Calls)};
rank(module, true) ->
    Said = fun(Call) -> {'$1', ['_', {'_', Call}]} end,
    Kept = [{Said({Keeper, '$2', '$3'}), [{is_atom, '$2'}, {is_integer, '$3'}], [{{'$2', '$1'}}]} || Keeper <- keepers()],
    Modules = Kept ++ [
        {Said({'$2', '$3', '$4'}), [{is_atom, '$2'}, {is_atom, '$3'}, {is_integer, '$4'}], [{{'$2', '$1'}}]},
        {{'$1', [{'_', {'$2', '_', '_'}}, '_']}, [], [{{'$2', '$1'}}]}
    ],
    {[initial_call, {dictionary, '$initial_call'}], ets:match_spec_compile(Modules)};
%% For `ranked', the initial calls and the group leaders.
rank(module, false) ->
    rank(initial_call, false);
rank(application, _) ->
    rank(group_leader, true);
%% For `ranked', those that there are.
rank(label, _) ->
    rank(pid, true);
rank(Key, _) when
    Key =:= memory;
    Key =:= reductions;
    Key =:= message_queue_len;
    Key =:= total_heap_size;
    Key =:= status;
    Key =:= initial_call;
    Key =:= group_leader
->
    {Key, ets:match_spec_compile([{{'$1', {Key, '$2'}}, [], [{{'$2', '$1'}}]}])}.

%% `{Value, Pid}' of those processes that have not ended, and `{callback, Pid}' of those among them whose callback was not
%% read, although they are ordered by it, `late' for each that there was no time for.
ranked(Pids, #{sort := application, rank := Rank}) ->
    {Leaders, Led} = lists:unzip(ask(Pids, Rank)),
    Known = maps:from_list([{Leader, owned_by(Leader)} || Leader <- lists:usort(Leaders)]),
    {lists:zip(lists:zipwith(fun erlang:map_get/2, Leaders, lists:duplicate(length(Leaders), Known)), Led), []};
ranked(Pids, #{sort := initial_call, rank := Rank, reads_keys := false, long_queue := LongQueue} = Plan) ->
    Values = ask(Pids, Rank),
    Started = [Pid || {{proc_lib, init_p, _}, Pid} <- Values],
    {Calls, Late} = callbacks(short(Started, LongQueue), Plan),
    Read = maps:from_list(Calls),
    {called_first(Values, Read), lates(Late) ++ unread_callbacks(Started, Read)};
ranked(Pids, #{sort := module, reads_keys := false} = Plan) ->
    {Values, Unread} = ranked(Pids, Plan#{sort := initial_call}),
    {module_first(Values), Unread};
ranked(Pids, #{sort := label, rank := Rank, long_queue := LongQueue} = Plan) ->
    {_, Alive} = lists:unzip(ask(Pids, Rank)),
    {Sized, _, _} = copyable(short(Alive, LongQueue)),
    {Ordered, _, Late} = read_labels(Sized, fun ordered_labels/1, Plan),
    Read = maps:from_list(Ordered),
    Count = length(Alive),
    Labels = lists:zipwith3(fun maps:get/3, Alive, lists:duplicate(Count, Read), lists:duplicate(Count, [unread])),
    {lists:zip(Labels, Alive), lates(Late)};
ranked(Pids, #{rank := Rank}) ->
    {ask(Pids, Rank), []}.

short(Pids, LongQueue) -> [Pid || Pid <- ask(Pids, at_most(message_queue_len, LongQueue)), is_pid(Pid)].

%% `late' for each.
lates(Pids) -> [late || _ <- Pids].

unread_callbacks(Pids, Read) -> [{callback, Pid} || Pid <- Pids, not is_map_key(Pid, Read)].

called_first(Values, Read) -> [{ranked_call(Call, Pid, Read), Pid} || {Call, Pid} <- Values].

ranked_call({proc_lib, init_p, _} = Call, Pid, Read) ->
    case Read of
        #{Pid := {_, _, _} = Callback} -> Callback;
        #{Pid := _} -> Call;
        _ -> [unread]
    end;
ranked_call(Call, _, _) ->
    Call.

module_first(Values) -> [{first_module(Call), Pid} || {Call, Pid} <- Values].

first_module([unread]) -> [unread];
first_module(Call) -> module_of(Call).

%% By what labels are ordered.
ordered_labels(Read) ->
    Values = [
        {{'$1', none}, [], [{{'$1', []}}]},
        {{'$1', {term, '$2'}}, [], [{{'$1', {{'$2'}}}}]},
        {{'$1', {term, '$2', '_'}}, [], [{{'$1', {{'$2'}}}}]}
    ],
    ets:match_spec_run(cut_labels(Read), ets:match_spec_compile(Values)).

owned_by(Leader) ->
    case application_controller:get_application(Leader) of
        {ok, Application} -> Application;
        undefined -> []
    end.

%% What stands for a callback that was not read, that of no module, and for callers.
-define(UNREAD, [{[], [], 0}, undefined]).

%% `{Value, Pid}' of the processes that pass the filters, how many have ended, and those of which something that decides
%% was not read: `{Messages, Pid}' with a long queue, `{callback, Pid}' for a callback, `large' for a label that is, or may be, large, `late'
%% for what there was no time to read.
measure(Pids, Plan) ->
    {Passed, Gone, Long} = sifted(Pids, Plan),
    {Called, EndedFirst, Undecided} = called(Passed, Plan),
    {Labelled, Ended, Large} = with_label(Called, Plan),
    {Values, Unread} = ranked(Labelled, Plan),
    {Values, Gone + EndedFirst + Ended + length(Labelled) - length(Values), Unread ++ Undecided ++ Large ++ Long}.

%% Those that pass the filters of the plan, how many have ended, and `{Messages, Pid}' of those with long queues.
sifted(Pids, #{filters := Filters}) ->
    Sift = fun(Filter, {Asked, Gone, Long}) ->
        {Passed, Others} = lists:partition(fun erlang:is_pid/1, ask(Asked, Filter)),
        {Longer, Ended} = lists:partition(fun erlang:is_tuple/1, Others),
        {Passed, Gone + length(Ended), Longer ++ Long}
    end,
    lists:foldl(Sift, {Pids, 0, []}, Filters).

%% Those that name what is looked for, where that may stand in their dictionary alone; how many have ended; and the others
%% whose dictionary was not read.
called(Pids, #{calls := [{Copies, Answers}], long_queue := LongQueue} = Plan) ->
    Told = [{{'$1', [{message_queue_len, '$2'} | '$3']}, [], [{{'$1', '$2', '$3'}}]}, {{'_', undefined}, [], [gone]}],
    Asked = ask(Pids, {[message_queue_len, current_function, initial_call], ets:match_spec_compile(Told)}),
    {Alive, Ended} = lists:partition(fun erlang:is_tuple/1, Asked),
    Short = [Pid || {Pid, Messages, Calls} <- Alive, Messages =< LongQueue, is_started(Calls)],
    {Kept, Late} = kept(['$initial_call', '$callers'], Short, Plan),
    Read = maps:from_list(Kept),
    Found = ets:match_spec_run(named_calls(Alive, Copies, Read), Answers),
    {Found, length(Ended), lates(Late) ++ [{callback, Pid} || Pid <- unread_calls(Alive, Read) -- Found]};
called(Pids, _) ->
    {Pids, 0, []}.

named_calls(Alive, Copies, Read) ->
    [
        {Pid, lists:append(lists:duplicate(Copies, Calls ++ lists:zip([callback, callers], maps:get(Pid, Read, ?UNREAD))))}
     || {Pid, _, Calls} <- Alive
    ].

unread_calls(Alive, Read) -> [Pid || {Pid, _, Calls} <- Alive, is_started(Calls), not is_map_key(Pid, Read)].

%% Only who was started by `proc_lib' says what it is: nobody else's dictionary is copied for that.
is_started([_, {initial_call, {proc_lib, init_p, _}}]) -> true;
is_started(_) -> false.

%% Those with the part that is looked for in their label; how many have ended; and `large' for each whose label is, or
%% may be, large, `late' for each whose label there was no time for.
with_label(Pids, #{label := Pattern, reads_keys := true} = Plan) ->
    {Sized, Gone, Large} = copyable(Pids),
    {Found, TooLarge, Late} = read_labels(Sized, fun(Labels) -> labelled_as(Pattern, Labels) end, Plan),
    {Found, Gone, lates(Late) ++ [large || _ <- Large ++ TooLarge]};
with_label(Pids, #{reads_keys := true}) ->
    {Pids, 0, []};
with_label(Pids, Plan) ->
    case wants_labels(Plan) of
        true -> {[], 0, []};
        false -> {Pids, 0, []}
    end.

wants_labels(#{sort := Sort} = Plan) -> Sort =:= label orelse is_map_key(label, Plan).

labelled_as(Pattern, Labels) -> [Pid || {Pid, {term, Label}} <- Labels, is_labelled(Label, Pattern)].

%% A label is searched as the node prints it, and as it prints no text beyond Latin-1: which of them a session shows does
%% not hang on the node's own choice (`+pc').
is_labelled(Label, Pattern) -> holds(printed("~0tp", Label), Pattern) orelse holds(printed("~0p", Label), Pattern).

printed(Format, Label) -> io_lib:format(Format, [Label], [{chars_limit, ?PRINTED}]).
